import type { Sql, Tx } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import type { World } from './world.ts';

/** The hotel (O2O): which rooms it keeps for whom, by the merchant's own key. */
export interface RoomInput {
  readonly lockId: string;
  readonly orderId: string;
  readonly roomType: string;
  readonly rooms: number;
  readonly checkIn: string;
  readonly checkOut: string;
  readonly guest: string;
}

export interface RoomRow {
  readonly lock_id: string;
  readonly order_id: string | null;
  readonly state: 'locked' | 'refused' | 'released';
  readonly confirmation: string | null;
  readonly reason: string | null;
  readonly tombstone: boolean;
  readonly requests: number;
}

/**
 * Keeps rooms, once per key: a repetition answers as it stands. `null`: the key is known for another order. What was
 * released before it came is refused by its tombstone.
 */
export async function lockRoom(sql: Sql, input: RoomInput, refuseFor: string | null): Promise<RoomRow | null> {
  const rows = await sql.query<RoomRow>({
    name: 'sandbox_room_lock',
    text: `WITH made AS (
        INSERT INTO sandbox.room_lock AS r
          (lock_id, order_id, room_type, rooms, check_in, check_out, guest, state, reason, confirmation)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $8 = 'locked' THEN 'H' || upper(substr(md5($1), 1, 8)) END)
        ON CONFLICT (lock_id) DO UPDATE SET requests = r.requests + 1 RETURNING *, xmax = 0 AS fresh),
      done AS (
        INSERT INTO sandbox.effect (kind, source, key) SELECT 'room.locked', 'hotel', lock_id FROM made
        WHERE fresh AND state = 'locked')
      SELECT * FROM made`,
    values: [
      input.lockId,
      input.orderId,
      input.roomType,
      input.rooms,
      input.checkIn,
      input.checkOut,
      input.guest,
      refuseFor === null ? 'locked' : 'refused',
      refuseFor,
    ],
  });
  const row = must(rows[0], `room lock ${input.lockId}`);
  return row.tombstone || row.order_id === input.orderId ? row : null;
}

export async function findRoom(sql: Sql, lockId: string): Promise<RoomRow | null> {
  const rows = await sql.query<RoomRow>({
    name: 'sandbox_room_find',
    text: 'SELECT * FROM sandbox.room_lock WHERE lock_id = $1',
    values: [lockId],
  });
  return rows[0] ?? null;
}

/** Frees rooms, once. An unknown key is freed in advance: the tombstone refuses the request that is still on its way. */
export async function releaseRoom(world: World, lockId: string): Promise<RoomRow> {
  const freed = await free(world.db, lockId);
  if (freed !== null) return freed;
  return world.db.tx(async (tx) => {
    await bury(tx, lockId);
    // The request may have come between the two statements; now its row is there for good.
    return (await free(tx, lockId)) ?? must(await findRoom(tx, lockId), `room lock ${lockId}`);
  });
}

async function free(sql: Sql, lockId: string): Promise<RoomRow | null> {
  const rows = await sql.query<RoomRow>({
    name: 'sandbox_room_release',
    text: `WITH freed AS (
        UPDATE sandbox.room_lock SET state = 'released', reason = 'released by the merchant', settled_at = clock_timestamp()
        WHERE lock_id = $1 AND state = 'locked' RETURNING *),
      done AS (INSERT INTO sandbox.effect (kind, source, key) SELECT 'room.released', 'hotel', lock_id FROM freed)
      SELECT * FROM freed`,
    values: [lockId],
  });
  return rows[0] ?? null;
}

async function bury(tx: Tx, lockId: string): Promise<void> {
  await tx.query({
    name: 'sandbox_room_tombstone',
    text: `INSERT INTO sandbox.room_lock (lock_id, state, reason, tombstone, requests, settled_at)
      VALUES ($1, 'released', 'released before it was asked for', true, 0, clock_timestamp()) ON CONFLICT (lock_id) DO NOTHING`,
    values: [lockId],
  });
}
