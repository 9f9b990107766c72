import { takeItems } from '../carts/carts.store.ts';
import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Refusal, RefusalError, refuse } from '../kernel/errors.ts';
import { type Money, money } from '../kernel/money.ts';
import { lockCoupon, refuseTaken } from '../marketing/coupon-use.ts';
import { lockPoints, refuseTooFew } from '../marketing/points.ts';
import {
  insertPayOrder,
  type NewPayOrder,
  type Notice,
  reviveWhenLate,
  splitOffBalance,
} from '../payorders/payorders.ts';
import type { Early } from '../stock/hot.port.ts';
import { confirmEarly, notEarly } from '../stock/hot.ts';
import { type Claim, type Lack, refuseLack } from '../stock/pieces.ts';
import { reserve } from '../stock/stock.ts';
import { lockShelves } from '../stock/together.ts';
import { ORDER_TYPES } from './order-type.ts';
import { orderMachine } from './orders.machine.ts';
import { type CreatedRow, insertLines, type NewLine } from './orders.store.ts';
import type { Item, PricedGoods } from './pricing.ts';
import type { Discount } from './reducing.ts';
import type { Part } from './splitting.ts';
import type { StagesOfOrder } from './stages.ts';
import { serveTicket } from './tickets.serve.ts';

/** Where goods go. Accounts and their addresses belong to the shop in front; an order keeps its own. */
export interface Address {
  readonly recipient: string;
  readonly line: string;
  readonly city?: string | undefined;
  readonly region?: string | undefined;
  readonly country?: string | undefined;
  readonly postalCode?: string | undefined;
  readonly phone?: string | undefined;
}

/** An order as a shop asks for it, checked by the wire contract: 1..1,000 items, userId 1..10^15. */
export interface OrderWish {
  readonly userId: number;
  readonly guest: boolean;
  readonly type: string;
  readonly items: readonly Item[];
  readonly address?: Address | undefined;
  readonly couponCode?: string | undefined;
  /** The most points to pay with: no more are taken than the goods cost beside the coupon. */
  readonly points?: number | undefined;
  readonly details?: unknown;
  /** What becomes of money that comes after the order's end: it goes back (default), or the order lives again. */
  readonly latePayment?: 'refund' | 'revive' | undefined;
}

export interface CreatedOrder {
  readonly payOrderId: string;
  readonly payable: Money;
  readonly expiresAt: Date;
  readonly notices: readonly Notice[];
  /** The second part of what is paid in two (尾款). */
  readonly balance: {
    readonly payOrderId: string;
    readonly payable: Money;
    readonly opensAt: Date;
    readonly expiresAt: Date;
  } | null;
  readonly orders: readonly {
    readonly orderId: string;
    readonly type: string;
    readonly shopId: number;
    readonly warehouseId: number;
    /** The state it was created in: a replay answers as the first time did. */
    readonly state: 'O0';
    readonly goodsAmount: Money;
    readonly discount: Money;
    readonly payable: Money;
  }[];
}

export interface OrderRequest {
  readonly actor: string;
  readonly wish: OrderWish;
  /** The type's extra fields, as it understands them. */
  readonly details: unknown;
  readonly key: string;
  readonly digest: string;
  /** The ticket that waited for this order, and ends with it. */
  readonly ticketId: string | null;
  /** Lines of a cart that leave it with this order. */
  readonly cart: BoughtLines | null;
}

/** The lines of a user's cart, as they were read. */
export interface BoughtLines {
  readonly cartId: string;
  readonly lines: readonly { readonly skuId: number; readonly quantity: number }[];
}

/** One order of a checkout. */
export interface OrderDraft extends Part {
  readonly orderId: string;
}

/** A checkout ready to be written: one pay order over its orders, which are sorted by their numbers. */
export interface Draft extends OrderRequest, Discount {
  readonly payOrderId: string;
  readonly goods: PricedGoods;
  readonly orders: readonly OrderDraft[];
  /** What is in hand already of hot SKUs. */
  readonly early: Early;
  /** What the pay order asks for: of two parts the first. */
  readonly payable: number;
  readonly stages: StagesOfOrder | null;
  readonly now: Date;
  readonly expiresAt: Date;
}

/**
 * The statements go out together, none waits for another's answer; the answers are looked at in their order, so that the
 * first one that refuses or fails is the one that is told. The pay order comes first because its unique key is what a
 * second request of the same key waits at, before it touches coupon, points or stock; the stock comes last, because its rows are
 * those that many orders want at once, and are locked until the commit.
 */
export async function writeOrder(ctx: CoreContext, tx: Tx, draft: Draft): Promise<CreatedOrder> {
  const { coupon, points, payOrderId, orders, ticketId, cart, wish, now } = draft;
  const [opened, served, left, locked, held, created, lines, shelves, lacks] = await Promise.allSettled([
    insertPayOrder(tx, payOrderOf(draft)),
    ticketId === null ? true : serveTicket(ctx, tx, ticketId, payOrderId),
    cart === null ? true : leaveCart(tx, wish.userId, cart),
    coupon === null ? true : lockCoupon(tx, coupon, payOrderId),
    points === 0 ? true : lockPoints(tx, { payOrderId, userId: wish.userId, points }, now),
    together(orders.map((order) => createOne(ctx, tx, draft, order))),
    insertLines(tx, orders.flatMap(linesOf)),
    orders.length === 1
      ? undefined
      : lockShelves(
          tx,
          orders.flatMap((order) => claimsNow(order, draft)),
        ),
    together(orders.map((order) => reserveOne(ctx, tx, draft, order))),
  ]);
  if (!answer(opened)) throw new RefusalError(refuseReusedKey());
  if (!answer(served)) throw new RefusalError(refuse('wrong_state', `Ticket ${ticketId} has ended meanwhile.`));
  if (!answer(left)) throw new RefusalError(refuseChanged(cart?.cartId ?? ''));
  if (!answer(locked)) throw new RefusalError(refuseTaken(coupon?.asked ?? ''));
  if (!answer(held)) throw new RefusalError(refuseTooFew(points));
  answer(created);
  answer(lines);
  answer(shelves);
  const lacking = answer(lacks).flat();
  if (lacking.length > 0) throw new RefusalError(refuseLack(lacking));
  if (draft.wish.latePayment === 'revive') await reviveWhenLate(tx, payOrderId);
  if (draft.stages !== null) {
    const { balanceId: id, balance: payable, opensAt, expiresAt } = draft.stages;
    await splitOffBalance(tx, { id, firstId: payOrderId, payable, opensAt, expiresAt });
  }
  const also = ORDER_TYPES.get(draft.wish.type)?.also;
  if (also !== undefined)
    await together(orders.map((order) => also(tx, ctx, { ...order, payOrderId, details: draft.details })));
  return createdNow(draft);
}

/** The lines leave their cart; false: one of them was changed or bought meanwhile. */
async function leaveCart(tx: Tx, userId: number, { cartId, lines }: BoughtLines): Promise<boolean> {
  return (await takeItems(tx, cartId, userId, lines)) === lines.length;
}

function refuseChanged(cartId: string): Refusal {
  return refuse('cart_changed', `A line of cart ${cartId} was changed or bought meanwhile; look at it again.`);
}

/** Waits for all of them, so that no statement is under way any more when the first that failed is told. */
async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(work)).map(answer);
}

function createOne(ctx: CoreContext, tx: Tx, draft: Draft, order: OrderDraft): Promise<unknown> {
  return ctx.mover.create(tx, orderMachine, {
    id: order.orderId,
    columns: orderColumns(draft, order),
    dueAt: draft.expiresAt,
    actor: draft.actor,
    reason: 'placed',
    scope: draft.payOrderId,
  });
}

function linesOf({ orderId, lines }: OrderDraft): NewLine[] {
  return lines.map((line, i) => ({ ...line, orderId, lineNo: i + 1 }));
}

/** What was reserved early is confirmed first: it touches no stock row. */
async function reserveOne(
  ctx: CoreContext,
  tx: Tx,
  { now, early }: Draft,
  order: OrderDraft,
): Promise<readonly Lack[]> {
  const { orderId } = order;
  const until = addMs(now, ctx.terms.reserveForMs);
  const [gone, lacks] = await together([
    confirmEarly(tx, orderId, early, until),
    reserve(tx, orderId, notEarly(orderId, claimsOf(order), early), until, (claim, ms) =>
      ctx.hotStock.noteWait(claim, ms),
    ),
  ]);
  return [...(gone ?? []), ...(lacks ?? [])];
}

/** What the order's own transaction takes from the shelves: nothing that was reserved early, or is deducted at payment. */
function claimsNow(order: OrderDraft, { early }: Draft): Claim[] {
  return notEarly(order.orderId, claimsOf(order), early).filter((claim) => claim.deductAt !== 'payment');
}

export function claimsOf({ lines }: Part): readonly Claim[] {
  return lines.filter((line) => line.counted);
}

function answer<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

function payOrderOf(draft: Draft): NewPayOrder {
  return {
    id: draft.payOrderId,
    userId: draft.wish.userId,
    currency: draft.goods.currency,
    payable: draft.payable,
    discount: draft.discount,
    couponCode: draft.coupon?.code ?? null,
    points: draft.points,
    pointsAmount: draft.pointsAmount,
    idempotencyKey: draft.key,
    bodyDigest: draft.digest,
    notices: draft.notices,
    expiresAt: draft.expiresAt,
    createdAt: draft.now,
    queued: draft.ticketId !== null,
  };
}

function orderColumns(draft: Draft, order: OrderDraft): Readonly<Record<string, unknown>> {
  const { wish, goods } = draft;
  return {
    pay_order_id: draft.payOrderId,
    user_id: wish.userId,
    shop_id: order.shopId,
    warehouse_id: order.warehouseId,
    guest: wish.guest,
    type: wish.type,
    currency: goods.currency,
    goods_amount: order.goodsAmount,
    freight_amount: 0,
    discount_amount: order.discount,
    payable: order.payable,
    address: wish.address === undefined ? null : JSON.stringify(wish.address),
    details: JSON.stringify(draft.details),
    expires_at: draft.expiresAt,
    created_at: draft.now,
  };
}

function createdNow(draft: Draft): CreatedOrder {
  const { currency } = draft.goods;
  return {
    payOrderId: draft.payOrderId,
    payable: money(draft.payable, currency),
    expiresAt: draft.expiresAt,
    notices: draft.notices,
    balance:
      draft.stages === null
        ? null
        : {
            payOrderId: draft.stages.balanceId,
            payable: money(draft.stages.balance, currency),
            opensAt: draft.stages.opensAt,
            expiresAt: draft.stages.expiresAt,
          },
    orders: draft.orders.map((order) => ({
      orderId: order.orderId,
      type: draft.wish.type,
      shopId: order.shopId,
      warehouseId: order.warehouseId,
      state: orderMachine.start,
      goodsAmount: money(order.goodsAmount, currency),
      discount: money(order.discount, currency),
      payable: money(order.payable, currency),
    })),
  };
}

export function createdBefore(first: CreatedRow, rows: readonly CreatedRow[]): CreatedOrder {
  return {
    payOrderId: first.pay_order_id,
    payable: money(first.pay_order_payable, first.currency),
    expiresAt: first.expires_at,
    notices: first.notices,
    balance:
      first.balance_id === null || first.balance_opens_at === null || first.balance_expires_at === null
        ? null
        : {
            payOrderId: first.balance_id,
            payable: money(first.balance_payable ?? 0, first.currency),
            opensAt: first.balance_opens_at,
            expiresAt: first.balance_expires_at,
          },
    orders: rows.map((row) => ({
      orderId: row.order_id,
      type: row.type,
      shopId: row.shop_id,
      warehouseId: row.warehouse_id,
      state: orderMachine.start,
      goodsAmount: money(row.goods_amount, row.currency),
      discount: money(row.discount_amount, row.currency),
      payable: money(row.payable, row.currency),
    })),
  };
}

export function refuseReusedKey(): Refusal {
  return refuse('idempotency_key_reused', 'This user has used the Idempotency-Key for another order.');
}
