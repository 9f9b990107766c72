import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';

/** The room of one order as it lies in the table. Amounts in minor units of the order's currency. */
export interface RoomLockRow extends MachineRow {
  readonly order_id: string;
  readonly pay_order_id: string;
  readonly sku_id: number;
  readonly rooms: number;
  /** Days of the calendar: `2026-11-11`. */
  readonly check_in: string;
  readonly check_out: string;
  readonly guest: string;
  readonly free_until: Date | null;
  readonly penalty_percent: number;
  readonly confirmation: string | null;
  readonly release_reason: string | null;
  /** What is kept of a paid stay that was cancelled; null: nothing is to be paid back when it is released. */
  readonly penalty: number | null;
  readonly created_at: Date;
}

export async function lockOfOrder(sql: Sql, orderId: string): Promise<RoomLockRow | null> {
  const rows = await sql.query<RoomLockRow>({
    name: 'room_lock_of_order',
    text: 'SELECT * FROM core.room_lock WHERE order_id = $1',
    values: [orderId],
  });
  return rows[0] ?? null;
}

/** The rooms of a pay order's orders: one, because an order of this type has one line and is alone under its pay order. */
export async function locksOf(sql: Sql, payOrderId: string): Promise<RoomLockRow[]> {
  return sql.query<RoomLockRow>({
    name: 'room_locks_of_pay_order',
    text: 'SELECT * FROM core.room_lock WHERE pay_order_id = $1 ORDER BY id',
    values: [payOrderId],
  });
}

export interface StayOrder {
  readonly state: string;
  readonly payable: number;
  readonly discount_amount: number;
  readonly expires_at: Date;
  /** Money of it goes or went back already; a refund that was closed without money is out. */
  readonly refunding: boolean;
}

/** What a lock needs to know of its order. */
export async function orderOfStay(sql: Sql, orderId: string): Promise<StayOrder> {
  const rows = await sql.query<StayOrder>({
    name: 'room_lock_order',
    text: `SELECT state, payable, discount_amount, expires_at, EXISTS (SELECT FROM core.refund r
        WHERE r.pay_order_id = o.pay_order_id AND r.order_id = o.id AND r.state <> 'R3') AS refunding
      FROM core.orders o WHERE id = $1`,
    values: [orderId],
  });
  const row = rows[0];
  if (row === undefined) throw new Error(`broken invariant: order ${orderId} of a room does not exist`);
  return row;
}
