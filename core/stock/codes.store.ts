import type { Sql } from '../kernel/db/database.ts';

/** Locks a SKU against other imports into its pool. */
export async function lockCodePool(sql: Sql, skuId: number): Promise<'finite' | 'infinite' | 'codes' | null> {
  const rows = await sql.query<{ stock_mode: 'finite' | 'infinite' | 'codes' }>({
    name: 'code_pool_lock',
    text: 'SELECT stock_mode FROM core.sku WHERE id = $1 FOR NO KEY UPDATE',
    values: [skuId],
  });
  return rows[0]?.stock_mode ?? null;
}

export async function knownDigests(sql: Sql, skuId: number, digests: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ digest: string }>({
    name: 'codes_known',
    text: 'SELECT digest FROM core.stock_code WHERE sku_id = $1 AND digest = ANY($2::text[])',
    values: [skuId, digests],
  });
  return rows.map((row) => row.digest);
}

export async function insertCodes(
  sql: Sql,
  pool: { readonly skuId: number; readonly warehouseId: number; readonly movementId: number },
  codes: ReadonlyMap<string, string>,
): Promise<void> {
  await sql.query({
    name: 'codes_insert',
    text: `INSERT INTO core.stock_code (sku_id, warehouse_id, movement_id, digest, code)
      SELECT $1, $2, $3, digest, code FROM unnest($4::text[], $5::text[]) AS given (digest, code)`,
    values: [pool.skuId, pool.warehouseId, pool.movementId, [...codes.keys()], [...codes.values()]],
  });
}

/** What an order is owed of one pool. */
export interface CodeLine {
  readonly sku_id: number;
  readonly warehouse_id: number;
  readonly pieces: number;
}

/** Locks what an order has taken of those of the SKUs that are delivered as codes: whoever comes second waits. */
export async function lockCodeLines(sql: Sql, orderId: string, skuIds: readonly number[]): Promise<CodeLine[]> {
  return sql.query<CodeLine>({
    name: 'code_lines_lock',
    text: `SELECT r.sku_id, r.warehouse_id, r.quantity - r.returned AS pieces
      FROM core.reservation r JOIN core.sku k ON k.id = r.sku_id AND k.stock_mode = 'codes'
      WHERE r.order_id = $1 AND r.sku_id = ANY($2::bigint[]) AND r.state = 'taken' AND r.quantity > r.returned
      ORDER BY r.id FOR UPDATE OF r`,
    values: [orderId, skuIds],
  });
}

interface CodeCount {
  readonly sku_id: number;
  readonly warehouse_id: number;
  readonly codes: number;
}

/** Codes that an order was given of each pool, with those that were voided since. */
export async function countCodesOf(sql: Sql, orderId: string): Promise<CodeCount[]> {
  return sql.query<CodeCount>({
    name: 'codes_of_order',
    text: `SELECT sku_id, warehouse_id, count(*) AS codes FROM core.stock_code
      WHERE order_id = $1 GROUP BY sku_id, warehouse_id`,
    values: [orderId],
  });
}

/** `waits`: for codes that another delivery has locked; without, they are passed over, so that deliveries do not queue. */
async function takeSome(
  sql: Sql,
  line: CodeLine,
  many: { readonly owed: number; readonly waits: boolean },
  orderId: string,
  now: Date,
): Promise<string[]> {
  const rows = await sql.query<{ code: string }>({
    name: many.waits ? 'codes_take_waiting' : 'codes_take',
    text: `UPDATE core.stock_code SET state = 'taken', order_id = $4, taken_at = $5 WHERE id IN (
        SELECT id FROM core.stock_code WHERE sku_id = $1 AND warehouse_id = $2 AND state = 'free'
        ORDER BY id LIMIT $3 FOR UPDATE ${many.waits ? '' : 'SKIP LOCKED'}) AND state = 'free' RETURNING code`,
    values: [line.sku_id, line.warehouse_id, many.owed, orderId, now],
  });
  return rows.map((row) => row.code);
}

/** Tries of one that waits: what it waited for may be gone, and then there are others. */
const WAITING_TRIES = 20;

/** Up to `owed` free codes of a pool, each taken for the order. */
export async function takeFreeCodes(
  sql: Sql,
  line: CodeLine,
  owed: number,
  orderId: string,
  now: Date,
): Promise<string[]> {
  const codes = await takeSome(sql, line, { owed, waits: false }, orderId, now);
  for (let tries = 0; codes.length < owed && tries < WAITING_TRIES; tries += 1) {
    codes.push(...(await takeSome(sql, line, { owed: owed - codes.length, waits: true }, orderId, now)));
  }
  return codes;
}

export async function freeCodesOf(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query({
    name: 'codes_free',
    text: `UPDATE core.stock_code SET state = 'free', order_id = NULL, taken_at = NULL
      WHERE order_id = $1 AND state = 'taken' RETURNING id`,
    values: [orderId],
  });
  return rows.length;
}

export async function voidCodesOf(sql: Sql, orderId: string, skuId: number, quantity: number): Promise<number> {
  const rows = await sql.query({
    name: 'codes_void',
    text: `UPDATE core.stock_code SET state = 'void' WHERE id IN (
        SELECT id FROM core.stock_code WHERE order_id = $1 AND sku_id = $2 AND state = 'taken'
        ORDER BY id DESC LIMIT $3 FOR UPDATE) AND state = 'taken' RETURNING id`,
    values: [orderId, skuId, quantity],
  });
  return rows.length;
}
