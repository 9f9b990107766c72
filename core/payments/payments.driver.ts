import type { CoreContext } from '../context.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import {
  deductionsOfAttempt,
  deductOne,
  giveBack,
  planDeduction,
  resourcesOf,
  rollbackDriver,
  unsettledDeductions,
} from '../marketing/deductions.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { applyTrade, endAttempt, endByIntent } from './attempt.ts';
import { applyFree } from './capture.ts';
import { paymentMachine } from './payments.machine.ts';
import { lockAttempt, type PaymentRow } from './payments.store.ts';

type PaymentStep = Promise<Step<PaymentRow>>;

/**
 * Brings one payment attempt forward: marketing first, then the channel, then the shopper's money, or back when somebody
 * wants it gone. Every state that asks the outside was committed before the question leaves.
 */
export const paymentDriver: Driver<PaymentRow, CoreContext> = {
  machine: paymentMachine,
  scope: (row) => row.pay_order_id,
  step(context, row, signal): PaymentStep {
    switch (row.state) {
      case 'P0':
        return begin(context, row);
      case 'P1':
        return toMarketing(context, row);
      case 'P2':
        return wantsOut(context, row)
          ? backFromMarketing(context, row, 'P2', signal)
          : askMarketing(context, row, signal);
      case 'P4':
        return wantsOut(context, row) ? backFromMarketing(context, row, 'P4', signal) : toChannel(context, row);
      case 'P5':
        return wantsOut(context, row) ? close(context, row, 'P5', signal) : askChannel(context, row, signal);
      case 'P7':
        return watch(context, row, signal);
      default:
        return Promise.resolve({ kind: 'rest' });
    }
  },
};

/** Somebody recorded that the attempt shall go, or its time is up. */
function wantsOut(context: CoreContext, row: PaymentRow): boolean {
  return row.cancel_intent !== null || row.expires_at <= context.clock.now();
}

async function begin(context: CoreContext, row: PaymentRow): PaymentStep {
  await context.mover.move(context.db, paymentMachine, {
    id: row.id,
    from: 'P0',
    to: 'P1',
    actor: 'core',
    reason: 'pay was pressed',
    scope: row.pay_order_id,
  });
  return { kind: 'moved' };
}

/** P1: waits until marketing has taken back what earlier attempts used, for it gives a resource to one attempt only. */
async function toMarketing(context: CoreContext, row: PaymentRow): PaymentStep {
  if (wantsOut(context, row)) {
    return endAttempt(context, row, 'P1', endByIntent(row), { actor: 'core', reason: 'nothing was asked yet' });
  }
  const held = (await unsettledDeductions(context.db, row.pay_order_id)).filter((d) => d.payment_id !== row.id);
  if (held.length > 0) return { kind: 'wait', ms: 300 };
  return context.db.tx(async (tx): PaymentStep => {
    const payOrder = await lockPayOrder(tx, row.pay_order_id);
    if (payOrder === null) throw new Error(`broken invariant: payment ${row.id} has no pay order`);
    const base = { id: row.id, actor: 'core', scope: row.pay_order_id } as const;
    const resources = resourcesOf(payOrder);
    if (resources.length === 0) {
      await context.mover.move(tx, paymentMachine, {
        ...base,
        from: 'P1',
        to: 'P2',
        onward: ['P4'],
        reason: 'no marketing resource is used',
      });
      return { kind: 'moved' };
    }
    const moved = await context.mover.move(tx, paymentMachine, {
      ...base,
      from: 'P1',
      to: 'P2',
      reason: 'marketing is asked',
    });
    if (moved.kind === 'moved') {
      await Promise.all(resources.map((resource) => planDeduction(tx, context, row, resource)));
    }
    return { kind: 'moved' };
  });
}

async function askMarketing(context: CoreContext, row: PaymentRow, signal: AbortSignal): PaymentStep {
  for (const deduction of await deductionsOfAttempt(context.db, row.id)) {
    if (deduction.state === 'DEDUCTED') continue;
    if (deduction.state !== 'ASKED') {
      return endAttempt(context, row, 'P2', 'P3', { actor: 'marketing', reason: 'a resource was refused' });
    }
    const outcome = await deductOne(context, deduction, row.tries > 0, signal);
    if (outcome.kind === 'unknown') return outcome;
    if (outcome.kind === 'refused') {
      return endAttempt(context, row, 'P2', 'P3', {
        actor: 'marketing',
        reason: outcome.reason,
        evidence: outcome.evidence,
      });
    }
  }
  const moved = await context.mover.move(context.db, paymentMachine, {
    id: row.id,
    from: 'P2',
    to: 'P4',
    actor: 'marketing',
    reason: 'everything is deducted',
    scope: row.pay_order_id,
  });
  return moved.kind === 'elsewhere' ? { kind: 'rest' } : { kind: 'moved' };
}

/** Backward from P2 or P4: the attempt ends only when marketing has acknowledged that it holds nothing. */
async function backFromMarketing(
  context: CoreContext,
  row: PaymentRow,
  from: 'P2' | 'P4',
  signal: AbortSignal,
): PaymentStep {
  const reason = row.cancel_intent === null ? 'its time is up' : `cancel intent of the ${row.cancel_intent}`;
  // Behind the attempt's lock: one that succeeds at P4 looks at its deductions behind the same.
  const stands = await context.db.tx(async (tx) => {
    const standing = (await lockAttempt(tx, row.id))?.state === from;
    if (standing) await giveBack(tx, context, row.id, reason);
    return standing;
  });
  if (!stands) return { kind: 'moved' };
  for (const deduction of await deductionsOfAttempt(context.db, row.id)) {
    if (deduction.state === 'ROLLBACK_PENDING') await claimAndDrive(rollbackDriver, context, deduction.id, signal);
  }
  const rest = await deductionsOfAttempt(context.db, row.id);
  if (rest.some((d) => d.state === 'ROLLBACK_PENDING')) {
    return { kind: 'unknown', reason: 'marketing has not acknowledged the rollback yet' };
  }
  return endAttempt(context, row, from, 'P10', { actor: 'core', reason });
}

/** P4: what is left for the channel is asked from it; with nothing left the attempt has succeeded. */
async function toChannel(context: CoreContext, row: PaymentRow): PaymentStep {
  if (row.amount === 0) {
    const cause = { actor: 'core', reason: 'nothing is left for the channel' };
    const decided = await context.db.tx((tx) => applyFree(context, tx, row, cause));
    // Held back: who wants it gone has made it due, or its own time, which another clock saw run out, comes in a moment.
    return decided ? { kind: 'moved' } : { kind: 'wait', ms: 500 };
  }
  const moved = await context.mover.move<PaymentRow, typeof paymentMachine, 'P4'>(context.db, paymentMachine, {
    id: row.id,
    from: 'P4',
    to: 'P5',
    actor: 'core',
    reason: 'the channel is asked',
    scope: row.pay_order_id,
  });
  return moved.row === null ? { kind: 'rest' } : { kind: 'moved', row: moved.row };
}

async function askChannel(context: CoreContext, row: PaymentRow, signal: AbortSignal): PaymentStep {
  const channel = context.channels.get(row.channel);
  if (channel === undefined) return { kind: 'person', reason: `the channel ${row.channel} is not configured` };
  let answer = row.tries === 0 ? null : await channel.query(row.id, signal);
  // No record is not a no: the request may be on its way still. It goes out again under the same number.
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    const description = `Order ${row.pay_order_id}`;
    answer = await channel.init(
      { tradeNo: row.id, amount: row.amount, currency: row.currency, userId: row.user_id, description },
      signal,
    );
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') {
    return endAttempt(context, row, 'P5', 'P6', { actor: 'channel', reason: answer.reason, evidence: answer.evidence });
  }
  return applyTrade(context, row, 'P5', answer.value);
}

async function watch(context: CoreContext, row: PaymentRow, signal: AbortSignal): PaymentStep {
  if (wantsOut(context, row)) return close(context, row, 'P7', signal);
  // Entered a moment ago: the shopper is at the channel, and its callback is faster than the poll.
  if (row.due_at !== null && row.due_at > context.clock.now()) return { kind: 'rest' };
  const channel = context.channels.get(row.channel);
  if (channel === undefined) return { kind: 'person', reason: `the channel ${row.channel} is not configured` };
  const answer = await channel.query(row.id, signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') return { kind: 'unknown', reason: `the query was refused: ${answer.reason}` };
  return applyTrade(context, row, 'P7', answer.value);
}

/** Closes the trade at the channel. Its acknowledgement leaves a tombstone there, or it says that the money came first. */
async function close(context: CoreContext, row: PaymentRow, from: 'P5' | 'P7', signal: AbortSignal): PaymentStep {
  const channel = context.channels.get(row.channel);
  if (channel === undefined) return { kind: 'person', reason: `the channel ${row.channel} is not configured` };
  const answer = await channel.close(row.id, signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused')
    return { kind: 'unknown', reason: `close refused: ${answer.reason}`, evidence: answer };
  if (answer.value.state === 'open' || answer.value.state === 'none') {
    return { kind: 'unknown', reason: `after close the channel says ${answer.value.state}`, evidence: answer.value };
  }
  return applyTrade(context, row, from, answer.value);
}
