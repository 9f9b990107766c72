import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, type Result } from '../kernel/errors.ts';
import { readRow } from '../kernel/machine.ts';
import { formatMoney, type Money } from '../kernel/money.ts';
import { logOperation } from '../operations/operation-log.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { claimAgain, linesOf, moneyOf, releaseClaims } from '../refunds/claims.store.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import { shareOf } from '../refunds/shares.ts';
import { kickAfterSales } from './aftersales.driver.ts';
import { linesOfRefund } from './aftersales.store.ts';
import { refused } from './request.ts';

export interface Approval {
  /** Goods that the shopper was to keep must come back after all. */
  readonly returnGoods?: boolean | undefined;
  /** What is kept of the cash (违约金). */
  readonly penalty?: Money | undefined;
}

/**
 * Somebody agrees to a refund (R1→R2), never to one of their own; then it goes on by itself. Agreeing again changes nothing.
 *
 * Refuses: `refund_unknown`; `forbidden` (one's own); `wrong_state` (decided otherwise); `currency_mismatch` and
 * `invalid_request` (the penalty).
 */
export async function approveRefund(
  context: CoreContext,
  actor: string,
  refundId: string,
  approval: Approval = {},
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    if (row.state !== 'R1') {
      if (row.decided_by !== null && row.state !== 'R3' && row.state !== 'R15') return row;
      throw refused('wrong_state', `Refund ${row.id} stands at ${row.state}: it waits for no approval.`);
    }
    if (row.requested_by === actor) {
      throw refused('forbidden', `${actor} asked for refund ${row.id}; somebody else must agree to it.`);
    }
    const penalty = penaltyOf(row, approval.penalty);
    if (approval.returnGoods === true && row.kind === 'refund') await wantGoodsBack(tx, row);
    await move(tx, context, actor, row, {
      to: 'R2',
      set: {
        decided_by: actor,
        penalty,
        amount: row.amount - penalty,
        kind: approval.returnGoods === true && row.kind === 'refund' ? 'return' : row.kind,
      },
      reason: penalty === 0 ? 'approved' : `approved with a penalty of ${penalty} ${row.currency}`,
    });
    tx.afterCommit(() => kickAfterSales(context, row.id));
    return row;
  });
}

function penaltyOf(row: RefundRow, penalty: Money | undefined): number {
  if (penalty === undefined) return 0;
  if (penalty.currency !== row.currency) throw refused('currency_mismatch', `The refund is in ${row.currency}.`);
  if (penalty.amount <= row.amount) return penalty.amount;
  const most = formatMoney({ amount: row.amount, currency: row.currency });
  throw refused('invalid_request', `A penalty is taken from the cash that goes back: ${most} at the most.`, [
    { path: 'penalty.amount', message: `${row.amount} at the most` },
  ]);
}

async function wantGoodsBack(tx: Tx, row: RefundRow): Promise<void> {
  await tx.query({
    name: 'refund_keep_nothing',
    text: 'UPDATE core.refund_line SET kept = 0 WHERE refund_id = $1',
    values: [row.id],
  });
}

/**
 * Somebody says no (R1→R3): what the refund spoke of can be asked for anew. The shopper may object.
 *
 * Refuses: `refund_unknown`, `wrong_state`.
 */
export async function rejectRefund(
  context: CoreContext,
  actor: string,
  refundId: string,
  reason: string,
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    if (row.state === 'R3') return row;
    if (row.state !== 'R1')
      throw refused('wrong_state', `Refund ${row.id} stands at ${row.state}: it waits for no answer.`);
    await move(tx, context, actor, row, { to: 'R3', set: { decided_by: actor }, reason });
    await releaseClaims(tx, row.id);
    return row;
  });
}

/**
 * The shopper objects to a rejection (用户有异议, R3→R15): its pieces are claimed again, and a person decides.
 *
 * Refuses: `refund_unknown`; `wrong_state` (not rejected); `refund_exceeds_capture` (refunded otherwise meanwhile).
 */
export async function objectToRejection(
  context: CoreContext,
  actor: string,
  refundId: string,
  reason: string,
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    if (row.state !== 'R3' || row.order_id === null) {
      throw refused('wrong_state', `Refund ${row.id} stands at ${row.state}: nobody has rejected it.`);
    }
    const present = await linesOf(tx, row.order_id);
    const lines = (await linesOfRefund(tx, row.id)).map(({ line_no: lineNo, quantity, kept }) => {
      const line = present.find((l) => l.line_no === lineNo);
      if (line === undefined || quantity > line.quantity - line.claimed) {
        throw refused('refund_exceeds_capture', `Other refunds speak of the pieces of line ${lineNo} by now.`);
      }
      return { ...shareOf(line, quantity), dropped: 0, kept };
    });
    const money =
      row.kind === 'exchange' ? { amount: 0, subsidy: 0, freight: 0 } : await moneyOf(tx, row.order_id, lines);
    // What was decided before it was closed is decided anew.
    const set = { ...money, penalty: 0, withheld: 0, returned_at: null };
    await move(tx, context, actor, row, { to: 'R15', set, reason });
    await claimAgain(tx, row.id, lines);
    return row;
  });
}

/** Runs a decision behind the pay order's lock, and answers the refund as it stands after it. */
export async function decide(
  context: CoreContext,
  refundId: string,
  work: (tx: Tx, row: RefundRow) => Promise<RefundRow>,
): Promise<Result<RefundRow>> {
  return catchRefusal(() =>
    context.db.tx(async (tx) => {
      const found = await readRow<RefundRow>(tx, refundMachine, refundId);
      if (found === null) throw refused('refund_unknown', `There is no refund ${refundId}.`);
      await lockPayOrder(tx, found.pay_order_id);
      const row = (await readRow<RefundRow>(tx, refundMachine, refundId)) ?? found;
      await work(tx, row);
      return (await readRow<RefundRow>(tx, refundMachine, refundId)) ?? row;
    }),
  );
}

/** A person's move, with its place in the log of operations. */
export async function move(
  tx: Tx,
  context: CoreContext,
  actor: string,
  row: RefundRow,
  step: {
    readonly to: 'R2' | 'R3' | 'R4' | 'R9' | 'R12' | 'R15';
    readonly set: Readonly<Record<string, unknown>>;
    readonly reason: string;
    readonly evidence?: unknown;
  },
): Promise<void> {
  const { to, ...rest } = step;
  const told = { id: row.id, actor, scope: row.pay_order_id, ...rest };
  const moved = await moveFrom(tx, context, row, to, told);
  if (moved !== 'moved') throw new Error(`broken invariant: refund ${row.id} left ${row.state} under its lock`);
  const entity = { entityType: 'refund', entityId: row.id } as const;
  const after = { state: to, reason: step.reason, evidence: step.evidence };
  await logOperation(
    tx,
    { actor, ...entity, operation: 'decide', before: { state: row.state }, after },
    context.clock.now(),
  );
}

type Told = Pick<RefundRow, 'id'> & {
  readonly actor: string;
  readonly scope: string;
  readonly set: Readonly<Record<string, unknown>>;
  readonly reason: string;
};

async function moveFrom(
  tx: Tx,
  context: CoreContext,
  row: RefundRow,
  to: 'R2' | 'R3' | 'R4' | 'R9' | 'R12' | 'R15',
  told: Told,
): Promise<string> {
  const { mover } = context;
  if (row.state === 'R1' && (to === 'R2' || to === 'R3')) {
    return (await mover.move(tx, refundMachine, { ...told, from: 'R1', to })).kind;
  }
  if (row.state === 'R3' && to === 'R15') {
    return (await mover.move(tx, refundMachine, { ...told, from: 'R3', to })).kind;
  }
  if (row.state === 'R15' && to !== 'R2' && to !== 'R15') {
    return (await mover.move(tx, refundMachine, { ...told, from: 'R15', to })).kind;
  }
  return 'elsewhere';
}
