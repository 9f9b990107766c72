import type { Sql } from '../../kernel/db/database.ts';

export interface BatchRow {
  readonly id: string;
  readonly actor: string;
  readonly rows_done: number;
  readonly made: number;
  readonly repeated: number;
  readonly refused: number;
  readonly progress: string;
  readonly finished: boolean;
  readonly started_at: Date;
  readonly updated_at: Date;
}

export type Outcome =
  | { readonly outcome: 'made' | 'repeated'; readonly spuId: number }
  | { readonly outcome: 'refused'; readonly code: string; readonly detail: string };

export interface ResultRow {
  readonly n: number;
  readonly outcome: 'made' | 'repeated' | 'refused';
  readonly spu_id: number | null;
  readonly code: string | null;
  readonly detail: string | null;
}

const COLUMNS = 'id, actor, rows_done, made, repeated, refused, progress, finished, started_at, updated_at';

/** The batch of that key: the one that is there, or a new one. */
export async function openBatchRow(
  sql: Sql,
  batch: { readonly id: string; readonly actor: string; readonly key: string; readonly now: Date },
): Promise<BatchRow | null> {
  const rows = await sql.query<BatchRow>({
    name: 'batch_open',
    text: `WITH made AS (
        INSERT INTO core.import_batch (id, actor, idempotency_key, progress, started_at, updated_at)
        VALUES ($1, $2, $3, '', $4, $4) ON CONFLICT (actor, idempotency_key) DO NOTHING RETURNING ${COLUMNS}
      ) SELECT * FROM made UNION ALL
        SELECT ${COLUMNS} FROM core.import_batch WHERE actor = $2 AND idempotency_key = $3 LIMIT 1`,
    values: [batch.id, batch.actor, batch.key, batch.now],
  });
  return rows[0] ?? null;
}

export async function readBatchRow(sql: Sql, id: string): Promise<BatchRow | null> {
  const rows = await sql.query<BatchRow>({
    name: 'batch_read',
    text: `SELECT ${COLUMNS} FROM core.import_batch WHERE id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

export async function lockBatchRow(sql: Sql, id: string): Promise<number | null> {
  const rows = await sql.query<{ rows_done: number }>({
    name: 'batch_lock',
    text: 'SELECT rows_done FROM core.import_batch WHERE id = $1 FOR UPDATE',
    values: [id],
  });
  return rows[0]?.rows_done ?? null;
}

/** Results of the rows behind `from`, and how far the batch is with them. */
export async function writeResults(
  sql: Sql,
  batch: { readonly id: string; readonly from: number; readonly progress: string; readonly now: Date },
  results: readonly Outcome[],
): Promise<void> {
  const refused = (result: Outcome) => (result.outcome === 'refused' ? result : null);
  await sql.query({
    name: 'batch_results',
    text: `WITH given AS (
        SELECT * FROM unnest($5::text[], $6::bigint[], $7::text[], $8::text[]) WITH ORDINALITY AS g (outcome, spu_id, code, detail, i)
      ), told AS (
        INSERT INTO core.import_row (batch_id, n, outcome, spu_id, code, detail)
        SELECT $1, $2 + i, outcome, spu_id, code, detail FROM given
      ) UPDATE core.import_batch b SET rows_done = b.rows_done + c.all, made = b.made + c.made,
          repeated = b.repeated + c.repeated, refused = b.refused + c.refused, progress = $3, updated_at = $4
        FROM (SELECT count(*) AS all, count(*) FILTER (WHERE outcome = 'made') AS made,
          count(*) FILTER (WHERE outcome = 'repeated') AS repeated,
          count(*) FILTER (WHERE outcome = 'refused') AS refused FROM given) c WHERE b.id = $1`,
    values: [
      batch.id,
      batch.from,
      batch.progress,
      batch.now,
      results.map((result) => result.outcome),
      results.map((result) => (result.outcome === 'refused' ? null : result.spuId)),
      results.map((result) => refused(result)?.code ?? null),
      results.map((result) => refused(result)?.detail ?? null),
    ],
  });
}

export async function finishBatch(sql: Sql, id: string, now: Date): Promise<void> {
  await sql.query({
    name: 'batch_finish',
    text: 'UPDATE core.import_batch SET finished = true, updated_at = $2 WHERE id = $1 AND NOT finished',
    values: [id, now],
  });
}

/** In the order of the file, after a row when given. */
export async function listResults(
  sql: Sql,
  want: { readonly id: string; readonly refused: boolean; readonly after: number; readonly limit: number },
): Promise<ResultRow[]> {
  return sql.query<ResultRow>({
    name: `batch_rows_${want.refused ? 'refused' : 'all'}`,
    text: `SELECT n, outcome, spu_id, code, detail FROM core.import_row
      WHERE batch_id = $1 AND n > $2 ${want.refused ? `AND outcome = 'refused'` : ''} ORDER BY n LIMIT $3`,
    values: [want.id, want.after, want.limit],
  });
}

/** What must be known of each row before it is written, in their order; an id is drawn for each. */
export async function prepareRows(
  sql: Sql,
  rows: readonly { readonly categoryId: number; readonly brandId: number | null; readonly key: string }[],
): Promise<{ goodsKind: string | null; brandKnown: boolean; there: number | null; spuId: number }[]> {
  return sql.query({
    name: 'batch_prepare',
    text: `SELECT c.goods_kind AS "goodsKind", g.brand_id IS NULL OR b.id IS NOT NULL AS "brandKnown", p.id AS there,
        nextval(pg_get_serial_sequence('core.spu', 'id')) AS "spuId"
      FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS g (category_id, brand_id, key, i)
        LEFT JOIN core.category c ON c.id = g.category_id LEFT JOIN core.brand b ON b.id = g.brand_id
        LEFT JOIN core.spu p ON p.import_key = g.key ORDER BY g.i`,
    values: [rows.map((r) => r.categoryId), rows.map((r) => r.brandId), rows.map((r) => r.key)],
  });
}
