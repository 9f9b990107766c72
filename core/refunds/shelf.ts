import type { CoreContext } from '../context.ts';
import type { Sql, Tx } from '../kernel/db/database.ts';
import { restock } from '../stock/restock.ts';

/** Pieces of one line of an order that are, or stay, on our shelf. */
export interface ShelfLine {
  readonly skuId: number;
  readonly quantity: number;
}

/**
 * Pieces that a refund speaks of can be sold again: those that never left (`dropped`), or came back (`returned`). Once per
 * refund and way, and never more than the order still counts as sold: a refund that was closed after its goods were back
 * has put them there for whoever asks next. SKUs are taken in id order, so that two refunds never wait in a ring.
 */
export async function backOnShelf(
  tx: Tx,
  context: CoreContext,
  refund: { readonly id: string; readonly orderId: string; readonly way: 'dropped' | 'returned' },
  lines: readonly ShelfLine[],
): Promise<void> {
  const sums = new Map<number, number>();
  for (const { skuId, quantity } of lines) sums.set(skuId, (sums.get(skuId) ?? 0) + quantity);
  const sold = await soldOf(tx, refund.orderId);
  for (const [skuId, wanted] of [...sums].sort(([a], [b]) => a - b)) {
    const quantity = Math.min(wanted, sold.get(skuId) ?? 0);
    if (quantity === 0) continue;
    await restock(tx, {
      orderId: refund.orderId,
      skuId,
      quantity,
      key: `${refund.id}:${refund.way}`,
      actor: 'core',
      reason: refund.way === 'dropped' ? 'refunded before it left' : 'returned by the shopper',
      now: context.clock.now(),
    });
  }
}

async function soldOf(sql: Sql, orderId: string): Promise<ReadonlyMap<number, number>> {
  const rows = await sql.query<{ sku_id: number; pieces: number }>({
    name: 'refund_sold_of_order',
    text: `SELECT sku_id, sum(quantity - returned)::bigint AS pieces
      FROM core.reservation WHERE order_id = $1 AND state = 'taken' GROUP BY sku_id`,
    values: [orderId],
  });
  return new Map(rows.map((row) => [row.sku_id, row.pieces]));
}
