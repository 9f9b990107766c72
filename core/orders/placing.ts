import type { CoreContext } from '../context.ts';
import { addMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { type Refusal, RefusalError, refuse } from '../kernel/errors.ts';
import { type Money, money } from '../kernel/money.ts';
import { lockCoupon, refuseTaken } from '../marketing/coupons.ts';
import { insertPayOrder, type NewPayOrder, type Notice } from '../payorders/payorders.ts';
import { refuseLack } from '../stock/pieces.ts';
import { reserve } from '../stock/stock.ts';
import { orderMachine } from './orders.machine.ts';
import { type CreatedRow, insertLines } from './orders.store.ts';
import type { Item, PricedGoods, SharedLine } from './pricing.ts';

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
  readonly details?: unknown;
}

export interface CreatedOrder {
  readonly payOrderId: string;
  readonly payable: Money;
  readonly expiresAt: Date;
  readonly notices: readonly Notice[];
  readonly orders: readonly {
    readonly orderId: string;
    readonly type: string;
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
}

export interface Discount {
  readonly couponCode: string | null;
  /** Minor units. */
  readonly discount: number;
  readonly notices: readonly Notice[];
}

/** An order ready to be written. */
export interface Draft extends OrderRequest, Discount {
  readonly payOrderId: string;
  readonly orderId: string;
  readonly goods: PricedGoods;
  readonly lines: readonly SharedLine[];
  readonly payable: number;
  readonly now: Date;
  readonly expiresAt: Date;
}

/**
 * The statements go out together, none waits for another's answer; the answers are looked at in their order, so that the
 * first one that refuses or fails is the one that is told. The pay order comes first because its unique key is what a
 * second request of the same key waits at, before it touches coupon or stock; the stock comes last, because its rows are
 * those that many orders want at once, and are locked until the commit.
 */
export async function writeOrder(ctx: CoreContext, tx: Tx, draft: Draft): Promise<CreatedOrder> {
  const { couponCode, payOrderId, orderId } = draft;
  const [opened, locked, created, lines, lacks] = await Promise.allSettled([
    insertPayOrder(tx, payOrderOf(draft)),
    couponCode === null ? true : lockCoupon(tx, couponCode, payOrderId),
    ctx.mover.create(tx, orderMachine, {
      id: orderId,
      columns: orderColumns(draft),
      dueAt: draft.expiresAt,
      actor: draft.actor,
      reason: 'placed',
      scope: payOrderId,
    }),
    insertLines(tx, orderId, draft.lines),
    reserve(
      tx,
      orderId,
      draft.lines.filter((line) => line.counted),
      addMs(draft.now, ctx.terms.reserveForMs),
    ),
  ]);
  if (!answer(opened)) throw new RefusalError(refuseReusedKey());
  if (!answer(locked)) throw new RefusalError(refuseTaken(couponCode ?? ''));
  answer(created);
  answer(lines);
  const lacking = answer(lacks);
  if (lacking.length > 0) throw new RefusalError(refuseLack(lacking));
  return createdNow(draft);
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
    couponCode: draft.couponCode,
    idempotencyKey: draft.key,
    bodyDigest: draft.digest,
    notices: draft.notices,
    expiresAt: draft.expiresAt,
    createdAt: draft.now,
  };
}

function orderColumns(draft: Draft): Readonly<Record<string, unknown>> {
  const { wish, goods } = draft;
  return {
    pay_order_id: draft.payOrderId,
    user_id: wish.userId,
    guest: wish.guest,
    type: wish.type,
    currency: goods.currency,
    goods_amount: goods.amount,
    freight_amount: 0,
    discount_amount: draft.discount,
    payable: draft.payable,
    address: wish.address === undefined ? null : JSON.stringify(wish.address),
    details: JSON.stringify(draft.details),
    expires_at: draft.expiresAt,
    created_at: draft.now,
  };
}

function createdNow(draft: Draft): CreatedOrder {
  const { currency } = draft.goods;
  const payable = money(draft.payable, currency);
  return {
    payOrderId: draft.payOrderId,
    payable,
    expiresAt: draft.expiresAt,
    notices: draft.notices,
    orders: [
      {
        orderId: draft.orderId,
        type: draft.wish.type,
        state: orderMachine.start,
        goodsAmount: money(draft.goods.amount, currency),
        discount: money(draft.discount, currency),
        payable,
      },
    ],
  };
}

export function createdBefore(first: CreatedRow, rows: readonly CreatedRow[]): CreatedOrder {
  return {
    payOrderId: first.pay_order_id,
    payable: money(first.pay_order_payable, first.currency),
    expiresAt: first.expires_at,
    notices: first.notices,
    orders: rows.map((row) => ({
      orderId: row.order_id,
      type: row.type,
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
