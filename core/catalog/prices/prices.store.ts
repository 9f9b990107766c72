import type { Sql } from '../../kernel/db/database.ts';
import type { PriceType } from './effective.ts';

export interface PriceRow {
  readonly id: number;
  readonly sku_id: number;
  readonly type: PriceType;
  readonly amount: number;
  readonly free: boolean;
  readonly snapshot_id: string;
  readonly effective_from: Date;
  /** null: without end. */
  readonly effective_to: Date | null;
  readonly actor: string;
  readonly digest: string;
  readonly created_at: Date;
}

const COLUMNS = `id, sku_id, type, amount, free, snapshot_id, effective_from,
  nullif(effective_to, 'infinity') AS effective_to, actor, digest, created_at`;

export async function findPrice(sql: Sql, skuId: number, key: string): Promise<PriceRow | null> {
  const rows = await sql.query<PriceRow>({
    name: 'price_by_key',
    text: `SELECT ${COLUMNS} FROM core.price WHERE sku_id = $1 AND idempotency_key = $2`,
    values: [skuId, key],
  });
  return rows[0] ?? null;
}

export async function readPrice(sql: Sql, skuId: number, priceId: number): Promise<PriceRow | null> {
  const rows = await sql.query<PriceRow>({
    name: 'price_read',
    text: `SELECT ${COLUMNS} FROM core.price WHERE id = $2 AND sku_id = $1`,
    values: [skuId, priceId],
  });
  return rows[0] ?? null;
}

/** What is in effect at `now` or begins later. */
export async function livePrices(sql: Sql, skuIds: readonly number[], now: Date): Promise<PriceRow[]> {
  return sql.query<PriceRow>({
    name: 'price_live',
    text: `SELECT ${COLUMNS} FROM core.price WHERE sku_id = ANY($1::bigint[]) AND effective_to > $2
        AND effective_to > effective_from ORDER BY sku_id, effective_from, id`,
    values: [skuIds, now],
  });
}

/** The newest first, before an id when given. */
export async function listPriceRows(
  sql: Sql,
  skuId: number,
  before: number | null,
  limit: number,
): Promise<PriceRow[]> {
  return sql.query<PriceRow>({
    name: 'price_list',
    text: `SELECT ${COLUMNS} FROM core.price WHERE sku_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    values: [skuId, before, limit],
  });
}

export interface NewPrice {
  readonly skuId: number;
  readonly type: PriceType;
  readonly amount: number;
  readonly free: boolean;
  readonly snapshotId: string;
  readonly snapshot: string;
  readonly from: Date;
  readonly to: Date | null;
  readonly actor: string;
  readonly key: string;
  readonly digest: string;
  readonly now: Date;
}

export async function insertPrice(sql: Sql, price: NewPrice): Promise<PriceRow> {
  const rows = await sql.query<PriceRow>({
    name: 'price_insert',
    text: `WITH pictured AS (
        INSERT INTO core.snapshot (id, content, created_at) VALUES ($5, $6::jsonb, $12) ON CONFLICT (id) DO NOTHING
      ) INSERT INTO core.price (sku_id, type, amount, free, snapshot_id, effective_from, effective_to, actor,
          idempotency_key, digest, created_at)
        VALUES ($1, $2, $3, $4, $5, $7, coalesce($8::timestamptz, 'infinity'), $9, $10, $11, $12) RETURNING ${COLUMNS}`,
    values: [
      price.skuId,
      price.type,
      price.amount,
      price.free,
      price.snapshotId,
      price.snapshot,
      price.from,
      price.to,
      price.actor,
      price.key,
      price.digest,
      price.now,
    ],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a price was not inserted');
  return row;
}

/** Ends one price at `now`, or where it begins when it has not begun. */
export async function endPriceRow(sql: Sql, priceId: number, now: Date): Promise<void> {
  await sql.query({
    name: 'price_end',
    text: 'UPDATE core.price SET effective_to = greatest(effective_from, $2) WHERE id = $1 AND effective_to > $2',
    values: [priceId, now],
  });
}

/** The standard prices with a date that are in effect: a standing price set now takes their place. Returns how many. */
export async function endStandardPrices(sql: Sql, skuId: number, now: Date): Promise<number> {
  const ended = await sql.query({
    name: 'price_end_standard',
    text: `UPDATE core.price SET effective_to = $2
      WHERE sku_id = $1 AND type = 'standard' AND effective_to > $2 AND effective_from <= $2 RETURNING id`,
    values: [skuId, now],
  });
  return ended.length;
}
