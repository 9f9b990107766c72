import type { BusEvent } from '../bus/event.ts';
import type { Sql } from '../kernel/db/database.ts';

/** What a user is told, by what happened. An event that has no words here is not theirs to know. */
const MESSAGES: Readonly<Record<string, string>> = {
  'order.created': 'Your order was placed. 订单已提交',
  'order.paid': 'Your payment arrived. 支付成功',
  'order.fulfilled': 'Your order is on its way or was delivered. 订单已履约',
  'order.cancelled': 'Your order was cancelled. 订单已取消',
  'order.refunded': 'Your order was refunded. 订单已退款',
  'order.completed': 'Your order is complete. 订单已完成',
  'refund.r3': 'Your refund was rejected. 退款被拒绝',
  'refund.r10': 'Your refund has been paid. 退款成功',
};

/**
 * Writes a notification for each event that its user wants to hear of. One an event, whoever shows it again.
 * Events whose pay order is not known are nobody's.
 */
export async function notify(sql: Sql, events: readonly BusEvent[]): Promise<void> {
  const told = events.flatMap((event) => {
    const message = MESSAGES[event.type];
    return message === undefined || event.scope === null ? [] : [{ ...event, scope: event.scope, message }];
  });
  if (told.length === 0) return;
  await sql.query({
    name: 'notify',
    text: `INSERT INTO core.notification (user_id, event_id, what, about, pay_order_id, message, at)
      SELECT po.user_id, e.id, e.type, e.entity_id, po.id, e.message, e.at
      FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        WITH ORDINALITY AS e (id, type, entity_id, scope, message, at, n)
      JOIN core.pay_order po ON po.id = e.scope ORDER BY e.n
      ON CONFLICT (event_id) DO NOTHING`,
    values: [
      told.map((e) => e.id),
      told.map((e) => e.type),
      told.map((e) => e.entityId),
      told.map((e) => e.scope),
      told.map((e) => e.message),
      told.map((e) => e.at),
    ],
  });
}

export interface Notification {
  readonly id: number;
  readonly what: string;
  readonly about: string;
  readonly payOrderId: string;
  readonly message: string;
  readonly at: Date;
}

/** What a user was told, newest first, before an id when given. */
export async function notificationsOf(
  sql: Sql,
  userId: number,
  before: number | null,
  limit: number,
): Promise<Notification[]> {
  return sql.query<Notification>({
    name: 'notifications_of',
    text: `SELECT id, what, about, pay_order_id AS "payOrderId", message, at FROM core.notification
      WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
    values: [userId, before ?? Number.MAX_SAFE_INTEGER, limit],
  });
}
