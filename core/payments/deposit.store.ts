import type { Sql } from '../kernel/db/database.ts';

/** The capture that paid a pay order. */
export async function effectiveCapture(
  sql: Sql,
  payOrderId: string,
): Promise<{ readonly id: string; readonly channel: string } | null> {
  const rows = await sql.query<{ id: string; channel: string }>({
    name: 'capture_effective',
    text: `SELECT id, channel FROM core.capture WHERE pay_order_id = $1 AND kind = 'effective'`,
    values: [payOrderId],
  });
  return rows[0] ?? null;
}

/** What was agreed for a deposit whose balance is not paid. */
export async function missedPolicy(sql: Sql, orderId: string): Promise<'forfeit' | 'return'> {
  const rows = await sql.query<{ missed: string | null }>({
    name: 'order_missed_policy',
    text: `SELECT details->>'missed' AS missed FROM core.orders WHERE id = $1`,
    values: [orderId],
  });
  return rows[0]?.missed === 'return' ? 'return' : 'forfeit';
}
