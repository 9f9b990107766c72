import { z } from '@hono/zod-openapi';
import { readSellable, type SellableRow } from '../catalog/catalog.store.ts';
import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import { catchRefusal, ok, type Result, refuse } from '../kernel/errors.ts';
import { refuseFields } from '../kernel/http/wire.ts';
import { ClockSteppedBack, NoMachineNumber } from '../kernel/order-number.ts';
import { readObstacles } from '../payorders/payorders.ts';
import type { Early } from '../stock/hot.port.ts';
import { ORDER_TYPES } from './order-type.ts';
import {
  type CreatedOrder,
  claimsOf,
  type Draft,
  type OrderRequest,
  type OrderWish,
  refuseReusedKey,
  writeOrder,
} from './placing.ts';
import { type PricedGoods, priceItems, shareDiscount } from './pricing.ts';
import { quoteDiscount } from './reducing.ts';
import { sourceLines } from './sourcing.ts';
import { MAX_ORDERS, refuseManyOrders, splitCheckout } from './splitting.ts';
import { refuseReduced } from './stages.ts';

/**
 * Places an order (创单): type and parameters → effective prices → coupon and points → amounts → split by shop and
 * warehouse → order numbers → one transaction that writes the pay order, locks coupon and points, reserves the stock and
 * writes the orders with their lines and events. Nothing leaves the database, so its rollback is the undo.
 *
 * Refuses: `order_type_mismatch`, `sku_unknown`, `sku_off_shelf`,
 * `price_changed`, `currency_mismatch`, `order_too_large`, `coupon_unknown`, `coupon_unusable`,
 * `balance_too_low` (points), `sold_out`, `unavailable` (the clock stepped back, or every machine number is leased),
 * `overloaded` (too many want a hot SKU at once); and `idempotency_key_reused` when the pay
 * order may not be opened, for whatever reason: `submit` finds out for which.
 *
 * A hot SKU is reserved a moment before, in a batch with other orders' (`hotStock`); the transaction confirms it.
 *
 * Four round trips: prices; BEGIN; five statements in one go; COMMIT. A coupon adds one, and so does the look at the queue
 * before something hot is reserved.
 */
export async function place(
  ctx: CoreContext,
  request: OrderRequest,
  signal: AbortSignal,
): Promise<Result<CreatedOrder>> {
  const readNow = (): Promise<SellableRow[]> => readSellable(ctx.db, skusOf(request.wish), ctx.clock.now());
  const sellable = await readNow();
  const placed = await placeFrom(ctx, request, sellable, signal);
  const elsewhere = sellable.some(({ shelves }) => shelves !== null && shelves.length > 1);
  if (placed.ok || placed.code !== 'sold_out' || !elsewhere) return placed;
  // Somebody was faster where it was planned; another warehouse may serve it.
  return placeFrom(ctx, request, await readNow(), signal);
}

async function placeFrom(
  ctx: CoreContext,
  request: OrderRequest,
  sellable: readonly SellableRow[],
  signal: AbortSignal,
): Promise<Result<CreatedOrder>> {
  const { wish } = request;
  const now = ctx.clock.now();
  const goods = priceGoods(request, sellable, now);
  if (!goods.ok) return goods;
  const expiresAt = addMs(now, ctx.terms.payWithinMs);
  const stages = ORDER_TYPES.get(wish.type)?.stages?.(request.details, goods.value, now, expiresAt) ?? ok(null);
  if (!stages.ok) return stages;
  if (stages.value !== null && (wish.couponCode !== undefined || wish.points !== undefined)) return refuseReduced();
  const sourced = sourceLines(goods.value.lines, sellable);
  if (!sourced.ok) return sourced;
  const amounts = sourced.value.map((line) => line.amount);
  const discount = await quoteDiscount(ctx, wish, goods.value, amounts, now);
  if (!discount.ok) return discount;
  const reduction = {
    coupon: (discount.value.coupon?.discount ?? 0) + (stages.value?.bonus ?? 0),
    points: discount.value.points,
  };
  const parts = splitCheckout(shareDiscount(sourced.value, reduction, goods.value.currency));
  if (parts.length > MAX_ORDERS) return refuseManyOrders(parts.length);
  const numbers = await drawNumbers(ctx, wish.userId, (stages.value === null ? 1 : 2) + parts.length, signal);
  if (!numbers.ok) return numbers;
  const [payOrderId = '', ...rest] = numbers.value;
  // The balance's number is above the deposit's: both are locked in that order.
  const orderIds = stages.value === null ? rest : rest.slice(1);
  const orders = parts.map((part, i) => ({ ...part, orderId: orderIds[i] ?? '' }));
  const early = await reserveEarly(ctx, request, orders);
  if (!early.ok) return early;
  const draft: Draft = {
    ...request,
    ...discount.value,
    payOrderId,
    goods: goods.value,
    orders,
    early: early.value,
    stages: stages.value === null ? null : { ...stages.value, balanceId: rest[0] ?? '' },
    payable: stages.value?.deposit ?? goods.value.amount - discount.value.discount,
    now,
    expiresAt,
  };
  return ctx.hotStock.during(early.value, () =>
    catchRefusal(() => ctx.db.tx((tx) => writeOrder(ctx, tx, draft), { signal })),
  );
}

/**
 * What is hot of the orders. The statement that opens a pay order overtakes nobody in the queue, but comes too late for what
 * is reserved before it: a ticket ahead would find it sold out. So the queue is looked at first, only where something goes early.
 */
async function reserveEarly(ctx: CoreContext, request: OrderRequest, orders: Draft['orders']): Promise<Result<Early>> {
  const wanted = orders.map((order) => ({ orderId: order.orderId, claims: claimsOf(order) }));
  if (request.ticketId === null && ctx.hotStock.goesEarly(wanted)) {
    const { queue } = await readObstacles(ctx.db, request.wish.userId);
    if (queue) return refuseReusedKey();
  }
  return ctx.hotStock.reserve(wanted);
}

export function skusOf(wish: OrderWish): number[] {
  return [...new Set(wish.items.map((item) => item.skuId))];
}

/** Today's prices of what is wished for, if it makes an order of its type. Refuses as `place` does; changes nothing. */
export function priceGoods(request: OrderRequest, sellable: readonly SellableRow[], now: Date): Result<PricedGoods> {
  const { wish, details } = request;
  const goods = priceItems(wish.items, new Map(sellable.map((sku) => [sku.sku_id, sku])));
  if (!goods.ok) return goods;
  return ORDER_TYPES.get(wish.type)?.refuse(goods.value.lines, details, now) ?? goods;
}

/**
 * The type's extra fields, as it understands them.
 *
 * Refuses: `invalid_request` (no such type, or fields that it does not know), `address_missing`.
 */
export function checkDetails(wish: OrderWish): Result<unknown> {
  const type = ORDER_TYPES.get(wish.type);
  if (type === undefined) {
    return refuse('invalid_request', `There are orders of type ${[...ORDER_TYPES.keys()].join(', ')}.`, {
      errors: [{ path: 'type', message: 'is not a type of order' }],
    });
  }
  if (type.needsAddress && wish.address === undefined) {
    return refuse('address_missing', `Orders of type ${type.id} are shipped; say where to.`, {
      errors: [{ path: 'address', message: 'is missing' }],
    });
  }
  const parsed = type.details.safeParse(wish.details ?? {});
  if (parsed.success) return ok(parsed.data);
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: ['details', ...issue.path] }));
  return refuseFields(new z.ZodError(issues), 'body');
}

/** `count` numbers, in their order: a replay lists the orders as the first answer did. */
async function drawNumbers(
  ctx: CoreContext,
  userId: number,
  count: number,
  signal: AbortSignal,
): Promise<Result<readonly string[]>> {
  try {
    const numbers: string[] = [];
    for (let i = 0; i < count; i += 1) numbers.push(await ctx.orderNumbers.next(userId, signal));
    return ok(numbers.sort());
  } catch (error) {
    if (!(error instanceof ClockSteppedBack || error instanceof NoMachineNumber)) throw error;
    ctx.log.error({ err: error }, 'no order numbers');
    return refuse('unavailable', `This server can make no order numbers now: ${error.message}.`, {
      meta: { retryAfterMs: 1_000 },
    });
  }
}
