import type { CoreContext } from '../context.ts';
import type { Sql, Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { must } from '../kernel/errors.ts';
import { type MachineRow, readRow } from '../kernel/machine.ts';
import * as booking from '../ledger/booking.ts';
import { post } from '../ledger/ledger.ts';
import { deductionsOfAttempt, kickRollbacks } from '../marketing/deductions.ts';
import { finishReturn, type RefundOfOrder, startReturn } from '../marketing/returns.ts';
import { orderMachine } from '../orders/orders.machine.ts';
import type { RefundView } from '../payments/channel.port.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { countRefunded } from './claims.store.ts';
import { sizeToCapture } from './parts.ts';
import { refundMachine } from './refunds.machine.ts';
import { keyOfLeg, type RefundRow, tradeOfCapture, unrefundedOf } from './refunds.store.ts';

/** How soon, and how late at most, to look again whether marketing has given back its part. */
const AWAIT_MS = 500;
const AWAIT_LATEST_MS = 15_000;

type RefundStep = Promise<Step<RefundRow>>;

/** Brings a refund from R6 or R8 to its end: marketing first where it paid a part, then the channel. */
export const refundDriver: Driver<RefundRow, CoreContext> = {
  machine: refundMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): RefundStep {
    switch (row.state) {
      case 'R6':
      case 'R8':
        return row.subsidy > 0 ? toMarketing(context, row, row.state) : toCash(context, row, row.state);
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

/** R12 is written before marketing is asked: what must go back there is marked in the same commit. */
async function toMarketing(context: CoreContext, row: RefundRow, from: 'R6' | 'R8'): RefundStep {
  const trade = await tradeOfCapture(context.db, row.capture_id);
  const ids = await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, refundMachine, {
      id: row.id,
      from,
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

export function ofOrder(row: RefundRow): RefundOfOrder {
  return { id: row.id, payOrderId: row.pay_order_id, orderId: must(row.order_id, `the order of refund ${row.id}`) };
}

async function awaitMarketing(context: CoreContext, row: RefundRow): RefundStep {
  const trade = await tradeOfCapture(context.db, row.capture_id);
  const held = (await deductionsOfAttempt(context.db, trade)).filter((d) => d.state === 'ROLLBACK_PENDING');
  const refused = held.find((d) => d.person_reason !== null && d.due_at === null);
  if (refused !== undefined) {
    const reason = refused.person_reason ?? 'marketing does not give it back';
    await context.mover.move(context.db, refundMachine, { ...moveOf(row), from: 'R12', to: 'R14', reason });
    return { kind: 'moved' };
  }
  if (held.length > 0) {
    const now = context.clock.now();
    return { kind: 'wait', ms: Math.min(...held.map((d) => untilDue(d, now))) };
  }
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const moved = await context.mover.move(tx, refundMachine, {
      ...moveOf(row),
      from: 'R12',
      to: 'R13',
      set: { marketing_done: true },
      reason: 'marketing has given back its part',
    });
    if (moved.kind === 'moved') await finishReturn(tx, context, ofOrder(row));
  });
  return { kind: 'moved' };
}

function moveOf(row: RefundRow) {
  return { id: row.id, actor: 'marketing', scope: row.pay_order_id } as const;
}

/** A rollback that got no answer has a back-off of its own, or waits for a person: before it is tried again there is no news. */
function untilDue(rollback: MachineRow, now: Date): number {
  if (rollback.tries === 0 && rollback.person_reason === null) return AWAIT_MS;
  const ms = rollback.due_at === null ? AWAIT_LATEST_MS : rollback.due_at.getTime() - now.getTime();
  return Math.min(AWAIT_LATEST_MS, Math.max(AWAIT_MS, ms));
}

/** R9 is written before the channel is asked; with nothing to pay back in cash the refund is done. */
async function toCash(context: CoreContext, asked: RefundRow, from: 'R6' | 'R8' | 'R13'): RefundStep {
  const row = { ...asked, amount: await sizeToCapture(context, asked, (id) => kickRefund(context, id)) };
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
  const refundNo = keyOfLeg(row.id, row.cash_leg);
  let answer = row.tries === 0 ? null : await channel.queryRefund(refundNo, signal);
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    const tradeNo = await tradeOfCapture(context.db, row.capture_id);
    answer = await channel.refund({ refundNo, tradeNo, amount: row.amount, currency: row.currency }, signal);
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

/** R15: a person says that it was paid another way. */
type PaidFrom = 'R6' | 'R8' | 'R9' | 'R13' | 'R15';

export interface RefundProof {
  readonly reason: string;
  readonly evidence: unknown;
  readonly channelRefundId: string | null;
  /** Default: the channel. */
  readonly actor?: string;
}

/** R10: books the money out and, when everything of the order went back, closes it as refunded. Applied once. */
async function finish(context: CoreContext, row: RefundRow, from: PaidFrom, proof: RefundProof): Promise<void> {
  await context.db.tx((tx) => finishInside(context, tx, row, from, proof));
}

/** The same inside the caller's transaction. Returns false when the refund had left `from` before. */
export async function finishInside(
  context: CoreContext,
  tx: Tx,
  row: RefundRow,
  from: PaidFrom,
  proof: RefundProof,
): Promise<boolean> {
  // First, as for everything about its money: two refunds that end at once would each miss the other's pieces.
  await lockPayOrder(tx, row.pay_order_id);
  const moved = await context.mover.move(tx, refundMachine, {
    id: row.id,
    from,
    to: 'R10',
    set: { channel_refund_id: proof.channelRefundId },
    actor: proof.actor ?? 'channel',
    reason: proof.reason,
    evidence: proof.evidence,
    scope: row.pay_order_id,
  });
  if (moved.kind !== 'moved') return false;
  const { currency } = row;
  const fact = { reference: row.id, payOrderId: row.pay_order_id, orderId: row.order_id, reason: proof.reason };
  const done =
    from === 'R15'
      ? booking.refundPaidByBank({ ...fact, currency, amount: row.amount })
      : booking.refundDone({ ...fact, currency, channel: row.channel, cash: row.amount });
  await post(tx, context.clock, done);
  if (row.order_id === null) return true;
  await countRefunded(tx, row.id);
  if ((await unrefundedOf(tx, row.order_id)) === 0) await closeRefunded(context, tx, row, row.order_id);
  return true;
}

/** O3, from wherever the order stands: all of it went back. */
async function closeRefunded(context: CoreContext, tx: Tx, row: RefundRow, orderId: string): Promise<void> {
  const cause = { actor: 'core', reason: 'everything was refunded', scope: row.pay_order_id };
  const order = await readRow(tx, orderMachine, orderId);
  const { state } = order ?? {};
  if (state === 'O1' || state === 'O2' || state === 'O5') {
    await context.mover.move(tx, orderMachine, { id: orderId, from: state, to: 'O3', ...cause });
  }
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
