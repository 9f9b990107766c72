import type { Sql } from '../kernel/db/database.ts';
import type { Refusal } from '../kernel/errors.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { BoughtLines, OrderWish } from './placing.ts';

/** What a ticket keeps of its request. */
export interface StoredWish {
  readonly wish: OrderWish;
  readonly details: unknown;
  readonly cart: BoughtLines | null;
}

/** Why a ticket became no order, as its shopper is told. */
export type StoredRefusal = Pick<Refusal, 'code' | 'detail' | 'errors'>;

export interface TicketRow extends MachineRow {
  /** Its place in the queue, among all that ever stood there. */
  readonly seq: number;
  readonly user_id: number;
  readonly idempotency_key: string;
  readonly body_digest: string;
  readonly actor: string;
  readonly wish: StoredWish;
  readonly pay_order_id: string | null;
  readonly refusal: StoredRefusal | null;
  readonly expires_at: Date;
  readonly created_at: Date;
}

export async function findTicket(sql: Sql, userId: number, idempotencyKey: string): Promise<TicketRow | null> {
  const rows = await sql.query<TicketRow>({
    name: 'ticket_by_key',
    text: 'SELECT * FROM core.ticket WHERE user_id = $1 AND idempotency_key = $2',
    values: [userId, idempotencyKey],
  });
  return rows[0] ?? null;
}

/** Both ends of the queue, from its index; cancelled tickets in between are not subtracted. */
export interface QueueEnds {
  readonly first: number | null;
  readonly last: number | null;
}

export async function readQueueEnds(sql: Sql): Promise<QueueEnds> {
  const rows = await sql.query<QueueEnds>({
    name: 'ticket_queue_ends',
    text: `SELECT (SELECT seq FROM core.ticket WHERE state = 'QUEUED' ORDER BY seq LIMIT 1) AS first,
        (SELECT seq FROM core.ticket WHERE state = 'QUEUED' ORDER BY seq DESC LIMIT 1) AS last`,
  });
  return rows[0] ?? { first: null, last: null };
}

/** The head of the queue, in its order. */
export async function readHead(sql: Sql, limit: number): Promise<TicketRow[]> {
  return sql.query<TicketRow>({
    name: 'ticket_head',
    text: `SELECT * FROM core.ticket WHERE state = 'QUEUED' ORDER BY seq LIMIT $1`,
    values: [limit],
  });
}

/** How much waits, and since when the first does. Costs what waits, which is bounded. */
export async function readBacklog(sql: Sql): Promise<{ readonly waiting: number; readonly oldest: Date | null }> {
  const rows = await sql.query<{ waiting: number; oldest: Date | null }>({
    name: 'ticket_backlog',
    text: `SELECT count(*) AS waiting, min(state_since) AS oldest FROM core.ticket WHERE state = 'QUEUED'`,
  });
  return rows[0] ?? { waiting: 0, oldest: null };
}

/** One more try of a ticket broke on our side. Returns how often that was; 0 when it does not wait any more. */
export async function countBroken(sql: Sql, ticketId: string): Promise<number> {
  const rows = await sql.query<{ tries: number }>({
    name: 'ticket_broken',
    text: `UPDATE core.ticket SET tries = tries + 1 WHERE id = $1 AND state = 'QUEUED' RETURNING tries`,
    values: [ticketId],
  });
  return rows[0]?.tries ?? 0;
}
