import type { Sql } from '../kernel/db/database.ts';
import { type Claim, type Lack, STOCK_EVENTS } from './pieces.ts';

/*
 * How these statements lock. A plain UPDATE … FROM locks rows in whatever order its join meets them, so two orders with
 * the same two SKUs could wait for each other in a ring. Each statement therefore locks the stock rows it will change
 * first, in a CTE with ORDER BY … FOR UPDATE (the lock is taken above the sort), and everything that writes depends on
 * that CTE. A row that changed while its lock was awaited is re-read by Postgres in its newest version by the lock; the
 * update would compute its first try from the version of its own snapshot, whose CHECKs may fail where the newest row's
 * hold. So every counter is computed from the locked row, and none from the row the update meets.
 */
const LOCKED = `locked AS (
    SELECT s.*, w.quantity FROM core.stock s JOIN wanted w ON w.sku_id = s.sku_id AND w.warehouse_id = s.warehouse_id
    ORDER BY s.sku_id, s.warehouse_id FOR UPDATE OF s
  )`;

const LACKING = `lacking AS (
    SELECT w.sku_id, w.quantity, coalesce(l.on_hand, 0) AS available
    FROM wanted w LEFT JOIN locked l ON l.sku_id = w.sku_id AND l.warehouse_id = w.warehouse_id
    WHERE coalesce(l.on_hand, 0) < w.quantity
  )`;

/** Changes the locked rows: each counter by so many times the quantity. */
function counted(by: { readonly onHand?: 1 | -1; readonly reserved?: 1 | -1; readonly sold?: 1 | -1 }): string {
  const plus = (column: string, factor = 0): string => `${column} = l.${column} + ${factor} * l.quantity`;
  return `UPDATE core.stock s SET ${plus('on_hand', by.onHand)}, ${plus('reserved', by.reserved)}, ${plus('sold', by.sold)},
      initial = l.initial, inbound = l.inbound, adjusted = l.adjusted
    FROM locked l WHERE s.sku_id = l.sku_id AND s.warehouse_id = l.warehouse_id`;
}

const SET_ASIDE = `set_aside AS (
    ${counted({ onHand: -1, reserved: 1 })} AND NOT EXISTS (SELECT FROM lacking)
  )`;

/** The reservations of one order, locked in id order; their state is the newest one. `quantity`: without what came back. */
const MINE = `mine AS (
    SELECT id, sku_id, warehouse_id, quantity - returned AS quantity, state, folded, expires_at
    FROM core.reservation WHERE order_id = $1 ORDER BY id FOR UPDATE
  )`;

const SELECT_LACKING = 'SELECT sku_id AS "skuId", quantity AS wanted, available FROM lacking ORDER BY sku_id';

/** `claims`: one entry per SKU and warehouse, none that is deducted at payment. Writes nothing when any SKU lacks. */
export async function reservePieces(
  sql: Sql,
  orderId: string,
  claims: readonly Claim[],
  expiresAt: Date,
  onWait: OnWait | undefined,
): Promise<Lack[]> {
  const [only] = claims;
  if (only !== undefined && claims.length === 1) return reserveOne(sql, orderId, only, expiresAt, onWait);
  return sql.query<Lack>({
    name: 'stock_reserve',
    text: `WITH wanted AS (
        SELECT * FROM unnest($2::bigint[], $3::integer[], $4::bigint[], $5::boolean[]) AS w (sku_id, warehouse_id, quantity, for_good)
      ), ${LOCKED}, ${LACKING}, ${SET_ASIDE}, held AS (
        INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state, expires_at, due_at)
        SELECT $1, w.sku_id, w.warehouse_id, w.quantity, 'held', until.at, until.at
        FROM wanted w, LATERAL (SELECT CASE WHEN NOT w.for_good THEN $6::timestamptz END AS at) until
        WHERE NOT EXISTS (SELECT FROM lacking)
      ) ${SELECT_LACKING}`,
    values: [orderId, ...columnsOf(claims), claims.map(forGood), expiresAt],
  });
}

/** Hears how long a reservation took at the server, which is the wait for its row's lock and little else. */
export type OnWait = (claim: Claim, ms: number) => void;

/** One SKU locks one row, so there is no order to keep: a third of the statement above. */
async function reserveOne(
  sql: Sql,
  orderId: string,
  claim: Claim,
  expiresAt: Date,
  onWait: OnWait | undefined,
): Promise<Lack[]> {
  const { skuId, warehouseId, quantity } = claim;
  const rows = await sql.query<{ waited_ms: number }>({
    name: 'stock_reserve_one',
    text: `WITH set_aside AS (
        UPDATE core.stock SET on_hand = on_hand - $4, reserved = reserved + $4
        WHERE sku_id = $2 AND warehouse_id = $3 AND on_hand >= $4 RETURNING sku_id, warehouse_id
      ) INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state, expires_at, due_at)
        SELECT $1, sku_id, warehouse_id, $4, 'held', $5, $5 FROM set_aside
        RETURNING (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::float8 AS waited_ms`,
    values: [orderId, skuId, warehouseId, quantity, forGood(claim) ? null : expiresAt],
  });
  const [reserved] = rows;
  if (reserved !== undefined) {
    onWait?.(claim, reserved.waited_ms);
    return [];
  }
  const shelf = (await readStock(sql, [skuId])).find((row) => row.warehouse_id === warehouseId);
  return [{ skuId, wanted: quantity, available: shelf?.on_hand ?? 0 }];
}

/** Writes down what will be taken when the order is paid; it counts nowhere until then. */
export async function planPieces(sql: Sql, orderId: string, claims: readonly Claim[]): Promise<void> {
  await sql.query({
    name: 'stock_plan',
    text: `INSERT INTO core.reservation (order_id, sku_id, warehouse_id, quantity, state)
      SELECT $1, w.sku_id, w.warehouse_id, w.quantity, 'planned'
      FROM unnest($2::bigint[], $3::integer[], $4::bigint[]) AS w (sku_id, warehouse_id, quantity)`,
    values: [orderId, ...columnsOf(claims)],
  });
}

function forGood({ deductAt }: Claim): boolean {
  return deductAt === 'order';
}

function columnsOf(claims: readonly Claim[]): readonly [number[], number[], number[]] {
  return [claims.map((c) => c.skuId), claims.map((c) => c.warehouseId), claims.map((c) => c.quantity)];
}

/** `held` → `taken`, unless any is not held any more, or not yet. Returns whether every one of the order is taken now. */
export async function takePieces(sql: Sql, orderId: string): Promise<boolean> {
  const rows = await sql.query<{ whole: boolean }>({
    name: 'stock_take',
    text: `WITH ${MINE}, unheld AS (
        SELECT FROM mine WHERE state IN ('released', 'planned')
      ), taken AS (
        UPDATE core.reservation r SET state = 'taken', due_at = NULL, lease_until = NULL
        FROM mine WHERE r.id = mine.id AND mine.state = 'held' AND NOT EXISTS (SELECT FROM unheld)
        RETURNING r.sku_id, r.warehouse_id, r.quantity
      ), wanted AS (
        SELECT sku_id, warehouse_id, sum(quantity)::bigint AS quantity FROM taken GROUP BY sku_id, warehouse_id
      ), ${LOCKED}, sold AS (
        ${counted({ reserved: -1, sold: 1 })}
      ) SELECT NOT EXISTS (SELECT FROM unheld) AS whole`,
    values: [orderId],
  });
  return rows[0]?.whole === true;
}

/**
 * The same of an order with one line, and so with one reservation at most: no order of locks to keep. False when it was
 * not `held`: taken or released before, or never there.
 */
export async function takeOne(sql: Sql, orderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'stock_take_one',
    text: `WITH taken AS (
        UPDATE core.reservation SET state = 'taken', due_at = NULL, lease_until = NULL
        WHERE order_id = $1 AND state = 'held' RETURNING sku_id, warehouse_id, quantity
      ) UPDATE core.stock s SET reserved = s.reserved - t.quantity, sold = s.sold + t.quantity
        FROM taken t WHERE s.sku_id = t.sku_id AND s.warehouse_id = t.warehouse_id RETURNING s.sku_id`,
    values: [orderId],
  });
  return rows.length === 1;
}

/** `held` → `released`; returns how many pieces came back. What was only planned is released too, and brings none. */
export async function releasePieces(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query<{ pieces: number }>({
    name: 'stock_release',
    text: `WITH ${MINE}, unplanned AS (
        UPDATE core.reservation r SET state = 'released' FROM mine WHERE r.id = mine.id AND mine.state = 'planned'
      ), ${freed('held')}`,
    values: [orderId],
  });
  return rows[0]?.pieces ?? 0;
}

/** `taken` → `released`; returns how many pieces came back. */
export async function putBackPieces(sql: Sql, orderId: string): Promise<number> {
  const rows = await sql.query<{ pieces: number }>({
    name: 'stock_put_back',
    text: `WITH ${MINE}, ${freed('taken')}`,
    values: [orderId],
  });
  return rows[0]?.pieces ?? 0;
}

/** Those of `mine` that stand at `from` become `released`, and what they counted under is on hand again. */
function freed(from: 'held' | 'taken'): string {
  return `freed AS (
    UPDATE core.reservation r SET state = 'released', due_at = NULL, lease_until = NULL, folded = false
    FROM mine WHERE r.id = mine.id AND mine.state = '${from}'
    RETURNING r.order_id, r.sku_id, r.warehouse_id, mine.quantity, mine.folded
  ), wanted AS (
    SELECT sku_id, warehouse_id, sum(quantity)::bigint AS quantity,
      coalesce(sum(quantity) FILTER (WHERE folded), 0)::bigint AS folded
    FROM freed GROUP BY sku_id, warehouse_id
  ), ${LOCKED}, back AS (
    ${counted(from === 'held' ? { onHand: 1, reserved: -1 } : { onHand: 1, sold: -1 })}
  )${from === 'held' ? '' : UNFOLDED}
    SELECT coalesce(sum(quantity), 0)::bigint AS pieces, count(DISTINCT order_id) AS orders FROM freed`;
}

/** What was folded and is sold no more leaves the sum of its SKU; the stock rows are locked first, all of them, by the count. */
const UNFOLDED = `, unfolded AS (
    UPDATE core.stock_folded f SET pieces = f.pieces - w.folded
    FROM wanted w WHERE f.sku_id = w.sku_id AND f.warehouse_id = w.warehouse_id AND w.folded > 0
      AND (SELECT count(*) FROM locked) > 0
  )`;

/** Releases up to `limit` reservations whose time is over; those that somebody else is at are left to them. */
export async function releaseDue(
  sql: Sql,
  now: Date,
  limit: number,
): Promise<{ readonly pieces: number; readonly orders: number }> {
  const rows = await sql.query<{ pieces: number; orders: number }>({
    name: 'stock_release_due',
    text: `WITH mine AS (
        SELECT id, sku_id, warehouse_id, quantity, state, folded FROM core.reservation
        WHERE due_at <= $1 AND state = 'held' ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
      ), told AS (
        INSERT INTO core.event (type, machine, entity_id, from_state, to_state, actor, reason, at)
        SELECT 'stock.released', '${STOCK_EVENTS}', sku_id::text, 'counted', 'counted', 'core', 'reservations were over', $1
        FROM (SELECT DISTINCT sku_id FROM mine ORDER BY sku_id) touched
      ), ${freed('held')}`,
    values: [now, limit],
  });
  return rows[0] ?? { pieces: 0, orders: 0 };
}

/**
 * `released` and `planned` → `held` where the stock allows all of it, else nothing; what is still held is renewed, unless it
 * is held for good.
 */
export async function holdPieces(sql: Sql, orderId: string, until: Date): Promise<Lack[]> {
  return sql.query<Lack>({
    name: 'stock_hold',
    text: `WITH ${MINE}, wanted AS (
        SELECT sku_id, warehouse_id, sum(quantity)::bigint AS quantity FROM mine
        WHERE state IN ('released', 'planned') AND quantity > 0 GROUP BY sku_id, warehouse_id
      ), ${LOCKED}, ${LACKING}, ${SET_ASIDE}, held AS (
        UPDATE core.reservation r SET state = 'held', expires_at = until.at, due_at = until.at, lease_until = NULL
        FROM mine,
          LATERAL (SELECT CASE WHEN mine.state = 'planned' OR mine.expires_at IS NOT NULL THEN greatest(mine.expires_at, $2) END AS at) until
        WHERE r.id = mine.id AND mine.state <> 'taken' AND NOT EXISTS (SELECT FROM lacking)
      ) ${SELECT_LACKING}`,
    values: [orderId, until],
  });
}

export interface StockRow {
  readonly sku_id: number;
  readonly warehouse_id: number;
  readonly on_hand: number;
  readonly reserved: number;
  readonly sold: number;
}

/** One row per SKU and warehouse, in that order. */
export async function readStock(sql: Sql, skuIds: readonly number[]): Promise<StockRow[]> {
  return sql.query<StockRow>({
    name: 'stock_read',
    text: `SELECT sku_id, warehouse_id, on_hand, reserved, sold FROM core.stock
      WHERE sku_id = ANY($1::bigint[]) ORDER BY sku_id, warehouse_id`,
    values: [skuIds],
  });
}

/** The shelves of a SKU as JSON, for a statement that has its id in `column`; warehouses that are closed are left out. */
export function shelvesJson(column: string): string {
  return `(SELECT json_agg(json_build_object('warehouseId', s.warehouse_id, 'onHand', s.on_hand, 'priority', w.priority))
        FROM core.stock s JOIN core.warehouse w ON w.id = s.warehouse_id AND w.open WHERE s.sku_id = ${column})`;
}
