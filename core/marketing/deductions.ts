import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import type { Driver, Step } from '../kernel/driver.ts';
import { claimAndDrive } from '../kernel/driver.ts';
import { newId } from '../kernel/ids.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';
import { POINTS } from '../ledger/accounts.ts';
import { deductionMachine } from '../payments/payments.machine.ts';
import type { DeductionKey, ResourceKind } from './marketing.port.ts';

/** One marketing resource that one payment attempt uses at the outside service. */
export interface DeductionRow extends MachineRow {
  readonly payment_id: string;
  readonly pay_order_id: string;
  readonly user_id: number;
  readonly kind: ResourceKind;
  readonly resource: string;
  readonly amount: number;
  readonly currency: Currency;
}

/** Something that a pay order is paid with, as marketing is asked for it. */
export interface Resource {
  readonly kind: ResourceKind;
  readonly resource: string;
  readonly amount: number;
  readonly currency: Currency;
}

/** What a pay order uses of marketing: its coupon by its code, its points by its own number. Empty: marketing is not asked. */
export function resourcesOf(payOrder: {
  readonly id: string;
  readonly currency: Currency;
  readonly discount: number;
  readonly coupon_code: string | null;
  readonly points: number;
  readonly points_amount: number;
}): Resource[] {
  const { id, currency, discount, coupon_code: code, points, points_amount: pointsAmount } = payOrder;
  return [
    ...(code === null ? [] : [{ kind: 'coupon' as const, resource: code, amount: discount - pointsAmount, currency }]),
    ...(points === 0 ? [] : [{ kind: 'points' as const, resource: id, amount: points, currency: POINTS }]),
  ];
}

/** Writes down, before marketing is asked, what an attempt will ask it for. */
export async function planDeduction(
  sql: Sql,
  context: CoreContext,
  attempt: {
    readonly id: string;
    readonly pay_order_id: string;
    readonly user_id: number;
  },
  resource: Resource,
): Promise<void> {
  await context.mover.create(sql, deductionMachine, {
    id: newId('ded', context.clock, context.random),
    columns: {
      payment_id: attempt.id,
      pay_order_id: attempt.pay_order_id,
      user_id: attempt.user_id,
      kind: resource.kind,
      resource: resource.resource,
      amount: resource.amount,
      currency: resource.currency,
    },
    actor: 'payment',
    reason: 'the attempt uses it',
    scope: attempt.pay_order_id,
  });
}

export async function deductionsOfAttempt(sql: Sql, paymentId: string): Promise<DeductionRow[]> {
  return sql.query<DeductionRow>({
    name: 'deductions_of_attempt',
    text: 'SELECT * FROM core.deduction WHERE payment_id = $1 ORDER BY id',
    values: [paymentId],
  });
}

/** Deductions of a pay order that marketing may still hold: asked for, deducted, or not yet given back. */
export async function unsettledDeductions(sql: Sql, payOrderId: string): Promise<DeductionRow[]> {
  return sql.query<DeductionRow>({
    name: 'deductions_unsettled',
    text: `SELECT * FROM core.deduction
      WHERE pay_order_id = $1 AND state IN ('ASKED','DEDUCTED','ROLLBACK_PENDING') ORDER BY id`,
    values: [payOrderId],
  });
}

export type DeductOutcome =
  | { readonly kind: 'deducted' }
  | { readonly kind: 'refused'; readonly reason: string; readonly evidence: unknown }
  | { readonly kind: 'unknown'; readonly reason: string; readonly evidence?: unknown };

/**
 * Asks marketing for one deduction and writes down its answer. `again`: an earlier request may have got through, so look
 * first; no record there is no "no", and the request goes out again under the same key.
 */
export async function deductOne(
  context: CoreContext,
  row: DeductionRow,
  again: boolean,
  signal: AbortSignal,
): Promise<DeductOutcome> {
  const key = keyOf(row);
  let answer = again ? await context.marketing.query(key, signal) : null;
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    answer = await context.marketing.deduct(
      { ...key, userId: row.user_id, amount: row.amount, currency: row.currency },
      signal,
    );
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'ok' && answer.value.state === 'deducted') {
    await settle(context, row, 'DEDUCTED', 'marketing deducted it', answer.value);
    return { kind: 'deducted' };
  }
  if (answer.kind === 'ok' && answer.value.state === 'none') {
    return { kind: 'unknown', reason: 'marketing has no record of what it was just asked', evidence: answer.value };
  }
  const reason = answer.kind === 'refused' ? answer.reason : (answer.value.reason ?? answer.value.state);
  const evidence = answer.kind === 'refused' ? answer.evidence : answer.value;
  await settle(context, row, 'REFUSED', reason, evidence);
  return { kind: 'refused', reason, evidence };
}

async function settle(
  context: CoreContext,
  row: DeductionRow,
  to: 'DEDUCTED' | 'REFUSED',
  reason: string,
  evidence: unknown,
): Promise<void> {
  await context.mover.move(context.db, deductionMachine, {
    id: row.id,
    from: 'ASKED',
    to,
    actor: 'marketing',
    reason,
    evidence,
    scope: row.pay_order_id,
  });
}

/** Marks everything an attempt asked marketing for as to be given back. Part of the transaction that ends the attempt. */
export async function giveBack(sql: Sql, context: CoreContext, paymentId: string, reason: string): Promise<string[]> {
  const ids: string[] = [];
  for (const row of await deductionsOfAttempt(sql, paymentId)) {
    if (row.state !== 'ASKED' && row.state !== 'DEDUCTED') continue;
    const moved = await context.mover.move(sql, deductionMachine, {
      id: row.id,
      from: row.state,
      to: 'ROLLBACK_PENDING',
      actor: 'payment',
      reason,
      scope: row.pay_order_id,
    });
    if (moved.kind === 'moved') ids.push(row.id);
  }
  return ids;
}

/** Gives one resource back: rolled back only when marketing says so, because its word leaves the tombstone. */
export const rollbackDriver: Driver<DeductionRow, CoreContext> = {
  machine: deductionMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): Promise<Step<DeductionRow>> {
    if (row.state !== 'ROLLBACK_PENDING') return { kind: 'rest' };
    const answer = await context.marketing.rollback(keyOf(row), signal);
    if (answer.kind === 'unknown') return answer;
    if (answer.kind === 'ok' && (answer.value.state === 'rolled_back' || answer.value.state === 'refused')) {
      await context.mover.move(context.db, deductionMachine, {
        id: row.id,
        from: 'ROLLBACK_PENDING',
        to: 'ROLLED_BACK',
        actor: 'marketing',
        reason: 'marketing holds nothing of it any more',
        evidence: answer.value,
        scope: row.pay_order_id,
      });
      return { kind: 'moved' };
    }
    const reason = answer.kind === 'refused' ? answer.reason : `marketing says ${answer.value.state}`;
    return { kind: 'person', reason: `marketing does not roll back: ${reason}`, evidence: answer };
  },
};

/** A person wants marketing asked again for what it would not give back. */
export async function retryRollback(sql: Sql, id: string, now: Date): Promise<void> {
  await sql.query({
    name: 'deduction_retry_rollback',
    text: `UPDATE core.deduction SET due_at = $2, person_reason = NULL, tries = 0, version = version + 1
      WHERE id = $1 AND state = 'ROLLBACK_PENDING'`,
    values: [id, now],
  });
}

/** Drives the rollbacks of these rows at once, after the commit that marked them. */
export function kickRollbacks(context: CoreContext, ids: readonly string[]): void {
  for (const id of ids) {
    context.background.kick('rollback', (signal) => claimAndDrive(rollbackDriver, context, id, signal));
  }
}

function keyOf(row: DeductionRow): DeductionKey {
  return { attemptId: row.payment_id, kind: row.kind, resource: row.resource };
}
