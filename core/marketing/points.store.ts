import type { Sql } from '../kernel/db/database.ts';

/*
 * Lots of points and what pay orders hold of them. Whoever takes from lots locks the user's in one order (their end, their
 * id) before any account of the ledger, so that nobody waits in a ring.
 */

export interface LotRow {
  readonly id: string;
  readonly user_id: number;
  readonly source: 'grant' | 'earned' | 'returned';
  readonly reference: string;
  readonly points: number;
  readonly rest: number;
  readonly expires_at: Date;
  readonly created_at: Date;
  readonly digest: string | null;
}

export type NewLot = Omit<LotRow, 'rest' | 'digest'> & { readonly digest?: string };

/** False: this fact has brought its points before. */
export async function insertLot(sql: Sql, lot: NewLot): Promise<boolean> {
  const rows = await sql.query({
    name: 'points_lot_insert',
    text: `INSERT INTO core.points_lot (id, user_id, source, reference, points, rest, expires_at, created_at, digest)
      VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8) ON CONFLICT (source, reference) DO NOTHING RETURNING id`,
    values: [
      lot.id,
      lot.user_id,
      lot.source,
      lot.reference,
      lot.points,
      lot.expires_at,
      lot.created_at,
      lot.digest ?? null,
    ],
  });
  return rows.length === 1;
}

export async function readLot(sql: Sql, source: LotRow['source'], reference: string): Promise<LotRow | null> {
  const rows = await sql.query<LotRow>({
    name: 'points_lot_read',
    text: 'SELECT * FROM core.points_lot WHERE source = $1 AND reference = $2',
    values: [source, reference],
  });
  return rows[0] ?? null;
}

/** A user's lots with something left, the earliest end first. */
export async function lotsOfUser(sql: Sql, userId: number, now: Date, limit: number): Promise<LotRow[]> {
  return sql.query<LotRow>({
    name: 'points_lots_of_user',
    text: `SELECT * FROM core.points_lot WHERE user_id = $1 AND rest > 0 AND expires_at > $2
      ORDER BY expires_at, id LIMIT $3`,
    values: [userId, now, limit],
  });
}

/** What a user can spend now, and what unpaid orders hold. */
export async function readPoints(
  sql: Sql,
  userId: number,
  now: Date,
): Promise<{ readonly available: number; readonly locked: number }> {
  const [row] = await sql.query<{ available: number; locked: number }>({
    name: 'points_of_user',
    text: `SELECT
        (SELECT coalesce(sum(rest), 0)::bigint FROM core.points_lot WHERE user_id = $1 AND rest > 0 AND expires_at > $2) AS available,
        (SELECT coalesce(sum(points), 0)::bigint FROM core.points_hold WHERE user_id = $1 AND state = 'locked') AS locked`,
    values: [userId, now],
  });
  return row ?? { available: 0, locked: 0 };
}

/** Of the user's lots, behind their locks, the earliest end first: which give how much of the wanted points. */
const TAKEN = `mine AS MATERIALIZED (
        SELECT id, rest, expires_at FROM core.points_lot WHERE user_id = $1 AND rest > 0 AND expires_at > $2
        ORDER BY expires_at, id FOR UPDATE
      ), running AS (
        SELECT id, rest, expires_at, sum(rest) OVER (ORDER BY expires_at, id) - rest AS before FROM mine
      ), taken AS MATERIALIZED (
        SELECT id, expires_at, least(rest, $3::bigint - before)::bigint AS points FROM running WHERE before < $3::bigint
      )`;

/** Takes points for a pay order, all of them or none. False: the user has not so many. */
export async function holdPoints(
  sql: Sql,
  hold: { readonly payOrderId: string; readonly userId: number; readonly points: number },
  now: Date,
): Promise<boolean> {
  const rows = await sql.query({
    name: 'points_hold',
    text: `WITH ${TAKEN}, held AS (
        INSERT INTO core.points_hold (pay_order_id, user_id, points, state, lots, expires_at, created_at)
        SELECT $4, $1, $3, 'locked', jsonb_agg(jsonb_build_object('lot', id, 'points', points) ORDER BY expires_at, id),
          max(expires_at), $2
        FROM taken HAVING sum(points) = $3::bigint RETURNING pay_order_id
      ) UPDATE core.points_lot l SET rest = l.rest - t.points
      FROM taken t, held WHERE l.id = t.id RETURNING l.id`,
    values: [hold.userId, now, hold.points, hold.payOrderId],
  });
  return rows.length > 0;
}

/** Takes as many as there are of the wanted ones. Returns how many. */
export async function takePoints(sql: Sql, userId: number, wanted: number, now: Date): Promise<number> {
  const [row] = await sql.query<{ taken: number }>({
    name: 'points_take',
    text: `WITH ${TAKEN}, less AS (
        UPDATE core.points_lot l SET rest = l.rest - t.points FROM taken t WHERE l.id = t.id
      ) SELECT coalesce(sum(points), 0)::bigint AS taken FROM taken`,
    values: [userId, now, wanted],
  });
  return row?.taken ?? 0;
}

export interface HoldRow {
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly points: number;
  readonly state: 'locked' | 'used' | 'released';
  readonly expires_at: Date;
}

export async function readHold(sql: Sql, payOrderId: string): Promise<HoldRow | null> {
  const rows = await sql.query<HoldRow>({
    name: 'points_hold_read',
    text: 'SELECT pay_order_id, user_id, points, state, expires_at FROM core.points_hold WHERE pay_order_id = $1',
    values: [payOrderId],
  });
  return rows[0] ?? null;
}

/** `locked` → `used`. */
export async function markHoldUsed(sql: Sql, payOrderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'points_hold_use',
    text: `UPDATE core.points_hold SET state = 'used' WHERE pay_order_id = $1 AND state = 'locked' RETURNING points`,
    values: [payOrderId],
  });
  return rows.length === 1;
}

/** `locked` → `released`: what was taken lies in its lots again, whether they have ended or not. */
export async function releaseHold(sql: Sql, payOrderId: string): Promise<boolean> {
  const rows = await sql.query({
    name: 'points_hold_release',
    text: `WITH freed AS (
        UPDATE core.points_hold SET state = 'released' WHERE pay_order_id = $1 AND state = 'locked' RETURNING lots
      ), back AS MATERIALIZED (
        SELECT b.lot, b.points FROM freed, jsonb_to_recordset(freed.lots) AS b (lot text, points bigint)
      ), mine AS MATERIALIZED (
        SELECT id FROM core.points_lot WHERE id IN (SELECT lot FROM back) ORDER BY expires_at, id FOR UPDATE
      ), given AS (
        UPDATE core.points_lot l SET rest = l.rest + b.points FROM back b, mine WHERE l.id = b.lot AND mine.id = l.id
      ) SELECT 1 FROM freed`,
    values: [payOrderId],
  });
  return rows.length === 1;
}

/** Lots that have ended with something left, the oldest first; which another replica is at are left to it. */
export async function lockEnded(sql: Sql, now: Date, limit: number): Promise<LotRow[]> {
  return sql.query<LotRow>({
    name: 'points_lots_ended',
    text: `SELECT * FROM core.points_lot WHERE rest > 0 AND expires_at <= $1
      ORDER BY expires_at, id LIMIT $2 FOR UPDATE SKIP LOCKED`,
    values: [now, limit],
  });
}

export async function emptyLots(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.query({
    name: 'points_lots_empty',
    text: 'UPDATE core.points_lot SET rest = 0 WHERE id = ANY($1)',
    values: [ids],
  });
}
