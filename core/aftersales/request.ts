import type { CoreContext } from '../context.ts';
import { captureOf } from '../fulfilment/fulfilment.store.ts';
import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Tx } from '../kernel/db/database.ts';
import {
  catchRefusal,
  type ErrorCode,
  type FieldError,
  ok,
  RefusalError,
  type Result,
  refuse,
} from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { type ClaimedLine, claimLines, linesOf, moneyOf, type UnclaimedLine } from '../refunds/claims.store.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import { otherPartOf, type RefundRow, refundedOf } from '../refunds/refunds.store.ts';
import { shareOf } from '../refunds/shares.ts';
import { findByKey, hopedFor, type OrderForRefund, readOrderForRefund } from './aftersales.store.ts';

export interface RefundWish {
  readonly orderId: string;
  /** Money only; goods back and money; goods back and the same anew. */
  readonly kind: 'refund' | 'return' | 'exchange';
  /** Left out: everything of the order that no other refund speaks of. */
  readonly lines?: readonly { readonly lineNo: number; readonly quantity: number }[] | undefined;
  readonly reason: string;
}

export interface Asker {
  readonly name: string;
  /** The shopper by the shop in front, or the merchant's people for them (客服). */
  readonly entrance: 'user' | 'merchant';
}

export interface Requested {
  readonly refund: RefundRow;
  readonly replayed: boolean;
}

/**
 * Asks for a refund (退款), a return (退货) or an exchange (换货) of a paid order: all of it, or pieces of its lines, as often
 * as there is something left. It waits at R1 for somebody to decide. What it speaks of is claimed at once, so that all
 * refunds together, those in flight included, never pass a line's pieces and money, nor what was captured.
 *
 * `key` is unique per user: the same key with the same wish answers the first refund.
 *
 * Refuses: `order_unknown`; `wrong_state` (unpaid, refunded, or a stay, which is cancelled instead); `invalid_request` (no such line, a line twice, goods back of an
 * order that ships none); `refund_exceeds_capture` (more than is left); `idempotency_key_reused`.
 */
export async function requestRefund(
  context: CoreContext,
  asker: Asker,
  wish: RefundWish,
  key: string,
): Promise<Result<Requested>> {
  const order = await readOrderForRefund(context.db, wish.orderId);
  if (order === null) return refuse('order_unknown', `No order has the number ${wish.orderId}.`);
  const digest = sha256(canonicalJson(wish));
  return catchRefusal(() =>
    context.db.tx(async (tx) => {
      await lockPayOrder(tx, order.pay_order_id);
      const known = await findByKey(tx, order.user_id, key);
      if (known === null) return { refund: await open(tx, context, asker, wish, { key, digest }), replayed: false };
      if (known.body_digest === digest) return { refund: known, replayed: true };
      throw refused('idempotency_key_reused', `This user's Idempotency-Key asked for refund ${known.id}.`);
    }),
  );
}

async function open(
  tx: Tx,
  context: CoreContext,
  asker: Asker,
  wish: RefundWish,
  once: { readonly key: string; readonly digest: string },
): Promise<RefundRow> {
  // Read behind the lock.
  const order = await readOrderForRefund(tx, wish.orderId);
  if (order === null) throw new Error(`broken invariant: order ${wish.orderId} vanished`);
  demandPaid(order, wish);
  const capture = await captureOf(tx, order.id);
  if (capture === null) throw new Error(`broken invariant: order ${order.id} is paid without a capture`);
  const lines = claimsOf(await linesOf(tx, order.id), wish, await hopedFor(tx, order.id));
  const exchange = wish.kind === 'exchange';
  const money = exchange ? { amount: 0, subsidy: 0, freight: 0 } : await moneyOf(tx, order.id, lines);
  // What was paid in two parts goes back from both: the refund is sized when the channel is asked.
  const { refunded, payOrderId, ...balance } = await refundedOf(tx, capture.captureId);
  const captured = balance.captured + ((await otherPartOf(tx, capture.captureId))?.room ?? 0);
  if (refunded + money.amount > captured) {
    throw refused('refund_exceeds_capture', `${captured} was captured, ${refunded} of it goes back already.`);
  }
  const id = newId('ref', context.clock, context.random);
  const row = await context.mover.create<RefundRow, typeof refundMachine>(tx, refundMachine, {
    id,
    onward: ['R1'],
    columns: {
      pay_order_id: payOrderId,
      order_id: order.id,
      capture_id: capture.captureId,
      channel: capture.channel,
      currency: order.currency,
      ...money,
      cause: 'requested',
      user_id: order.user_id,
      entrance: asker.entrance,
      kind: wish.kind,
      reason: wish.reason,
      requested_by: asker.name,
      idempotency_key: once.key,
      body_digest: once.digest,
      created_at: context.clock.now(),
    },
    actor: asker.name,
    reason: wish.reason,
    scope: order.pay_order_id,
  });
  await claimLines(tx, { id, orderId: order.id }, lines);
  return row;
}

function demandPaid(order: OrderForRefund, wish: RefundWish): void {
  if (order.state !== 'O1' && order.state !== 'O2' && order.state !== 'O5') {
    throw refused('wrong_state', `Order ${order.id} stands at ${order.state}: there is nothing to refund.`);
  }
  if (order.type === 'hotel') {
    throw refused(
      'wrong_state',
      `Order ${order.id} is a stay: cancel it, and what its terms allow goes back by itself.`,
    );
  }
  if (wish.kind !== 'refund' && order.type !== 'physical' && order.type !== 'presale') {
    throw refused('invalid_request', `An order of type ${order.type} ships nothing that could come back.`, [
      { path: 'kind', message: 'must be refund for this order' },
    ]);
  }
}

/** The pieces that are wanted, with their shares of what is left of each line. */
function claimsOf(
  present: readonly UnclaimedLine[],
  wish: RefundWish,
  hoped: ReadonlyMap<number, number>,
): readonly ClaimedLine[] {
  const wanted = wish.lines ?? leftOf(present);
  if (wanted.length === 0)
    throw refused('refund_exceeds_capture', 'Refunds speak of every piece of the order already.');
  return wanted.map(({ lineNo, quantity }, i) => {
    const line = present.find((l) => l.line_no === lineNo);
    if (line === undefined || wanted.findIndex((w) => w.lineNo === lineNo) < i) {
      const message = line === undefined ? `the order has no line ${lineNo}` : 'is named twice';
      throw refused('invalid_request', `The lines do not fit: ${message}.`, [{ path: `lines.${i}.lineNo`, message }]);
    }
    const left = line.quantity - line.claimed;
    if (quantity > left) {
      throw refused('refund_exceeds_capture', `Of line ${lineNo} ${left} pieces are left, ${quantity} are wanted.`, [
        { path: `lines.${i}.quantity`, message: `${left} are left` },
      ]);
    }
    const delivered = line.shipped - Math.max(0, line.claimed - line.dropped);
    if (wish.kind === 'exchange' && quantity > delivered) {
      throw refused('wrong_state', `Of line ${lineNo} ${Math.max(0, delivered)} delivered pieces can be exchanged.`);
    }
    // Money only: what has not arrived yet is stopped, what has is kept.
    const unsent = Math.max(0, line.quantity - line.shipped - line.dropped - (hoped.get(lineNo) ?? 0));
    const kept = wish.kind === 'refund' ? Math.max(0, quantity - unsent) : 0;
    return { ...shareOf(line, quantity), dropped: 0, kept };
  });
}

function leftOf(present: readonly UnclaimedLine[]): { lineNo: number; quantity: number }[] {
  return present
    .filter((line) => line.claimed < line.quantity)
    .map((line) => ({ lineNo: line.line_no, quantity: line.quantity - line.claimed }));
}

export function refused(code: ErrorCode, detail: string, errors?: readonly FieldError[]): RefusalError {
  return new RefusalError(refuse(code, detail, errors === undefined ? {} : { errors }));
}

/** Refuses: `refund_unknown`. */
export async function findRefund(context: CoreContext, refundId: string): Promise<Result<RefundRow>> {
  const rows = await context.db.query<RefundRow>({
    name: 'refund_find',
    text: 'SELECT * FROM core.refund WHERE id = $1',
    values: [refundId],
  });
  const [row] = rows;
  return row === undefined ? refuse('refund_unknown', `There is no refund ${refundId}.`) : ok(row);
}
