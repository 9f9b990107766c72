import type { CoreContext } from '../context.ts';
import type { Sql, Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { must } from '../kernel/errors.ts';
import type { MachineRow } from '../kernel/machine.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { deductionsOfAttempt, kickRollbacks } from '../marketing/deductions.ts';
import { finishReturn, type RefundOfOrder, startReturn } from '../marketing/returns.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import type { RefundView } from '../payments/channel.port.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { countRefunded } from './claims.store.ts';
import { refundMachine } from './refunds.machine.ts';
import { type RefundRow, tradeOfCapture, unrefundedOf } from './refunds.store.ts';

/** How soon, and how late at most, to look again whether marketing has given back its part. */
const AWAIT_MS = 500;
const AWAIT_LATEST_MS = 15_000;

type RefundStep = Promise<Step<RefundRow>>;

/** Brings a refund from R8 to its end: marketing first where it paid a part, then the channel. */
export const refundDriver: Driver<RefundRow, CoreContext> = {
  machine: refundMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): RefundStep {
    switch (row.state) {
      case 'R8':
        return row.subsidy > 0 ? toMarketing(context, row) : toCash(context, row, 'R8');
      case 'R12':
        return awaitMarketing(context, row);
      case 'R13':
        return toCash(context, row, 'R13');
      case 'R9':
        return askChannel(context, row, signal);
      case 'R11':
      case 'R14':
        await context.mover.move(context.db, refundMachine, {
          id: row.id,
          from: row.state,
          to: 'R15',
          actor: 'core',
          reason: 'the other side refused: a person decides (异常单人工介入)',
          scope: row.pay_order_id,
        });
        return { kind: 'moved' };
      default:
        return { kind: 'rest' };
    }
  },
};

/**
 * R12 is written before marketing is asked: what goes back of its resources is marked in the same commit. The pay order's
 * lock comes first, so that of two parts at once one is the last.
 */
async function toMarketing(context: CoreContext, row: RefundRow): RefundStep {
  const trade = await tradeOfCapture(context.db, row.capture_id);
  const ids = await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, refundMachine, {
      id: row.id,
      from: 'R8',
      to: 'R12',
      actor: 'core',
      reason: 'marketing gives back its part first',
      scope: row.pay_order_id,
    });
    return moved.kind === 'moved' ? startReturn(tx, context, ofOrder(row), trade) : [];
  });
  kickRollbacks(context, ids);
  return { kind: 'moved' };
}

function ofOrder(row: RefundRow): RefundOfOrder {
  return { id: row.id, payOrderId: row.pay_order_id, orderId: must(row.order_id, `the order of refund ${row.id}`) };
}

async function awaitMarketing(context: CoreContext, row: RefundRow): RefundStep {
  const trade = await tradeOfCapture(context.db, row.capture_id);
  const rows = await deductionsOfAttempt(context.db, trade);
  // What stays DEDUCTED pays for parts that are not refunded.
  const held = rows.filter((d) => d.state === 'ROLLBACK_PENDING');
  if (held.length > 0) {
    const now = context.clock.now();
    return { kind: 'wait', ms: Math.min(...held.map((d) => untilDue(d, now))) };
  }
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, refundMachine, {
      id: row.id,
      from: 'R12',
      to: 'R13',
      actor: 'marketing',
      reason: 'marketing has given back its part',
      scope: row.pay_order_id,
    });
    if (moved.kind === 'moved') await finishReturn(tx, context, ofOrder(row));
  });
  return { kind: 'moved' };
}

/** A rollback that got no answer has a back-off of its own, or waits for a person: before it is tried again there is no news. */
function untilDue(rollback: MachineRow, now: Date): number {
  if (rollback.tries === 0 && rollback.person_reason === null) return AWAIT_MS;
  const ms = rollback.due_at === null ? AWAIT_LATEST_MS : rollback.due_at.getTime() - now.getTime();
  return Math.min(AWAIT_LATEST_MS, Math.max(AWAIT_MS, ms));
}

/** R9 is written before the channel is asked; with nothing to pay back in cash the refund is done. */
async function toCash(context: CoreContext, row: RefundRow, from: 'R8' | 'R13'): RefundStep {
  if (row.amount === 0) {
    await finish(context, row, from, {
      reason: 'nothing to give back in cash',
      evidence: undefined,
      channelRefundId: null,
    });
    return { kind: 'moved' };
  }
  await context.mover.move(context.db, refundMachine, {
    id: row.id,
    from,
    to: 'R9',
    actor: 'core',
    reason: 'the channel is asked',
    scope: row.pay_order_id,
  });
  return { kind: 'moved' };
}

async function askChannel(context: CoreContext, row: RefundRow, signal: AbortSignal): RefundStep {
  const channel = context.channels.get(row.channel);
  if (channel === undefined) return { kind: 'person', reason: `the channel ${row.channel} is not configured` };
  let answer = row.tries === 0 ? null : await channel.queryRefund(row.id, signal);
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    const tradeNo = await tradeOfCapture(context.db, row.capture_id);
    answer = await channel.refund({ refundNo: row.id, tradeNo, amount: row.amount, currency: row.currency }, signal);
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') {
    await fail(context, row, answer.reason, answer.evidence);
    return { kind: 'moved' };
  }
  const view = answer.value;
  switch (view.state) {
    case 'done':
      return refundDone(context, row, view);
    case 'failed':
      await fail(context, row, view.reason ?? 'the channel failed it', view);
      return { kind: 'moved' };
    case 'processing':
      return { kind: 'wait', ms: 5_000 };
    case 'none':
      return {
        kind: 'unknown',
        reason: 'the channel has no record of the refund it was just asked for',
        evidence: view,
      };
  }
}

async function refundDone(context: CoreContext, row: RefundRow, view: RefundView): RefundStep {
  if (view.amount !== undefined && view.amount !== row.amount) {
    return { kind: 'person', reason: `asked to refund ${row.amount}, the channel says ${view.amount}`, evidence: view };
  }
  await finish(context, row, 'R9', {
    reason: 'the channel has paid it back',
    evidence: view,
    channelRefundId: view.channelRefundId ?? null,
  });
  return { kind: 'moved' };
}

export interface RefundProof {
  readonly reason: string;
  readonly evidence: unknown;
  readonly channelRefundId: string | null;
}

/** R10: books the money out and, when everything of the order went back, closes it as refunded. Applied once. */
async function finish(
  context: CoreContext,
  row: RefundRow,
  from: 'R8' | 'R9' | 'R13',
  proof: RefundProof,
): Promise<void> {
  await context.db.tx((tx) => finishInside(context, tx, row, from, proof));
}

/** The same inside the caller's transaction. Returns false when the refund had left `from` before. */
export async function finishInside(
  context: CoreContext,
  tx: Tx,
  row: RefundRow,
  from: 'R8' | 'R9' | 'R13',
  proof: RefundProof,
): Promise<boolean> {
  const moved = await context.mover.move(tx, refundMachine, {
    id: row.id,
    from,
    to: 'R10',
    set: { channel_refund_id: proof.channelRefundId },
    actor: 'channel',
    reason: proof.reason,
    evidence: proof.evidence,
    scope: row.pay_order_id,
  });
  if (moved.kind !== 'moved') return false;
  const done = booking.refundDone({
    reference: row.id,
    payOrderId: row.pay_order_id,
    orderId: row.order_id,
    reason: proof.reason,
    channel: row.channel,
    currency: row.currency,
    cash: row.amount,
  });
  await post(tx, context.clock, done);
  if (row.order_id === null) return true;
  await countRefunded(tx, row.id);
  if ((await unrefundedOf(tx, row.order_id)) !== 0) return true;
  await context.mover.move(tx, orderMachine, {
    id: row.order_id,
    from: 'O1',
    to: 'O3',
    actor: 'core',
    reason: 'everything was refunded',
    scope: row.pay_order_id,
  });
  return true;
}

/** R11: the channel refused. */
export async function fail(
  context: CoreContext,
  row: RefundRow,
  reason: string,
  evidence: unknown,
  sql: Sql = context.db,
): Promise<void> {
  await context.mover.move(sql, refundMachine, {
    id: row.id,
    from: 'R9',
    to: 'R11',
    actor: 'channel',
    reason,
    evidence,
    scope: row.pay_order_id,
  });
}

export function kickRefund(context: CoreContext, id: string): void {
  context.background.kick('refund', (signal) => claimAndDrive(refundDriver, context, id, signal));
}
