import { cancelOrder } from '../../core/orders/cancel.ts';
import type { CreatedOrder } from '../../core/orders/placing.ts';
import type { World } from '../reconcile/support.ts';
import { skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { placed } from '../support/orders.ts';

const NEVER = new AbortController().signal;

/** A room of 300.00 a night, whose stock is the hotel's own. */
export async function aRoom(world: World): Promise<number> {
  const [sku = 0] = await skusOnShelf(world.ctx, { categoryId: VIRTUAL, skus: [{ price: '300.00', infinite: true }] });
  return sku;
}

export interface StayWish {
  readonly nights?: number;
  readonly couponCode?: string;
  readonly cancellation?: { readonly freeUntil: string; readonly penaltyPercent: number };
}

/** Two nights from 2026-12-01 unless told otherwise, and what follows come to rest. */
export async function bookStay(
  world: World,
  room: number,
  wish: StayWish = {},
): Promise<CreatedOrder['orders'][number] & { payOrderId: string }> {
  const { nights = 2, couponCode, cancellation } = wish;
  const checkOut = `2026-12-${String(1 + nights).padStart(2, '0')}`;
  const created = await placed(world.ctx, [{ skuId: room, quantity: nights }], {
    type: 'hotel',
    address: undefined,
    details: {
      checkIn: '2026-12-01',
      checkOut,
      guest: '李雷',
      ...(cancellation === undefined ? {} : { cancellation }),
    },
    ...(couponCode === undefined ? {} : { couponCode }),
  });
  await world.ctx.background.idle();
  const [order] = created.orders;
  if (order === undefined) throw new Error('no order');
  return { ...order, payOrderId: created.payOrderId };
}

export async function cancel(world: World, orderId: string): Promise<Awaited<ReturnType<typeof cancelOrder>>> {
  const result = await cancelOrder(world.ctx, orderId, 'plans have changed', NEVER);
  await world.ctx.background.idle();
  return result;
}

/** Where the room of an order stands. */
export async function roomOf(
  world: World,
  orderId: string,
): Promise<{ id: string; state: string; penalty: number | null }> {
  return world.one('SELECT id, state, penalty FROM core.room_lock WHERE order_id = $1', [orderId]);
}

/** The journal of a pay order, summed up by account. */
export async function bookedFor(world: World, payOrderIds: readonly string[]): Promise<Record<string, number>> {
  const rows = await world.ctx.db.query<{ account_id: string; total: number }>({
    text: `SELECT e.account_id, sum(e.amount)::bigint AS total FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
      WHERE p.pay_order_id = ANY($1) GROUP BY 1 HAVING sum(e.amount) <> 0 ORDER BY 1`,
    values: [payOrderIds],
  });
  return Object.fromEntries(rows.map(({ account_id, total }) => [account_id, total]));
}
