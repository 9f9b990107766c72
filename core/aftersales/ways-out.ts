import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import type { Result } from '../kernel/errors.ts';
import { deductionsOfAttempt, kickRollbacks, retryRollback } from '../marketing/deductions.ts';
import { finishReturn, startReturn } from '../marketing/returns.ts';
import { logOperation } from '../operations/operation-log.ts';
import { releaseClaims } from '../refunds/claims.store.ts';
import { bookOwed, bookWithdrawn } from '../refunds/owing.ts';
import { finishInside, ofOrder } from '../refunds/refunds.driver.ts';
import { isOfDeposit, type RefundRow, tradeOfCapture } from '../refunds/refunds.store.ts';
import { voidCodes } from '../stock/codes.ts';
import { kickAfterSales } from './aftersales.driver.ts';
import { hasBeen, linesOfRefund, settlePieces } from './aftersales.store.ts';
import { decide, move } from './decisions.ts';
import { refused } from './request.ts';

/** Which part of a refund is tried again: the goods, what marketing gives back, the money. */
export type Leg = 'return' | 'marketing' | 'cash';

/*
 * The ways out of R15 (人工介入). A person says which, with a reason; it is written to the log of operations and the timeline.
 */

/**
 * Tries a leg again (R15 → R4, R12, R9), and goes on by itself after it. Outside it has a key of its own: what has failed
 * under the first stays failed.
 *
 * Refuses: `refund_unknown`; `wrong_state` (not at R15, or that leg is done, or does not belong to it).
 */
export async function retryLeg(
  context: CoreContext,
  actor: string,
  refundId: string,
  wish: { readonly leg: Leg; readonly reason: string },
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    demandIntervention(row);
    const { reason } = wish;
    switch (wish.leg) {
      case 'return':
        if (row.kind === 'refund' || row.returned_at !== null) throw wrongLeg(row, 'no goods are to come back for it');
        await placePieces(tx, row, 'come back');
        await move(tx, context, actor, row, { to: 'R4', set: { return_leg: await nextLeg(tx, row, 'R4') }, reason });
        break;
      case 'marketing':
        if (row.kind === 'exchange' || row.subsidy === 0) throw wrongLeg(row, 'marketing has paid no part of it');
        if (row.marketing_done) throw wrongLeg(row, 'marketing has given back its part');
        await placePieces(tx, row, 'stay');
        await bookOwed(tx, context, row, reason);
        await move(tx, context, actor, row, { to: 'R12', set: {}, reason });
        await askMarketingAgain(tx, context, row);
        break;
      case 'cash':
        if (row.kind === 'exchange' || row.amount === 0) throw wrongLeg(row, 'no money goes back with it');
        if (row.subsidy > 0 && !row.marketing_done) throw wrongLeg(row, 'marketing comes first');
        await placePieces(tx, row, 'stay');
        await bookOwed(tx, context, row, reason);
        await move(tx, context, actor, row, { to: 'R9', set: { cash_leg: await nextLeg(tx, row, 'R9') }, reason });
        break;
    }
    await freeForDriver(tx, row.id);
    tx.afterCommit(() => kickAfterSales(context, row.id));
    return row;
  });
}

/**
 * It was paid another way (R15→R10), such as by a bank transfer: booked against the bank, with the evidence.
 *
 * Refuses: `refund_unknown`, `wrong_state`.
 */
export async function settleOtherwise(
  context: CoreContext,
  actor: string,
  refundId: string,
  proof: { readonly reason: string; readonly evidence: string },
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    demandIntervention(row);
    if (row.kind === 'exchange')
      throw wrongLeg(row, 'no money goes back with an exchange; close it, and refund the pieces');
    await placePieces(tx, row, 'stay');
    const owed = await bookOwed(tx, context, row, proof.reason);
    if (row.subsidy > 0 && !row.marketing_done) await giveBackHere(tx, context, owed);
    const evidence = { said: proof.evidence, by: actor };
    await finishInside(context, tx, owed, 'R15', { reason: proof.reason, evidence, channelRefundId: null, actor });
    await logOperation(
      tx,
      {
        actor,
        entityType: 'refund',
        entityId: row.id,
        operation: 'settle',
        before: { state: row.state },
        after: { state: 'R10', ...proof },
      },
      context.clock.now(),
    );
    return row;
  });
}

/**
 * It ends without money (R15→R3): what it spoke of can be asked for anew, and what was owed for it is not.
 *
 * Refuses: `refund_unknown`; `wrong_state` (also of a late capture, and of what a deposit had paid: that money belongs to the one
 * who paid it; of pieces that were taken out of their shipment: nobody would send them any more; and when marketing has given
 * back its part).
 */
export async function closeRefund(
  context: CoreContext,
  actor: string,
  refundId: string,
  reason: string,
): Promise<Result<RefundRow>> {
  return decide(context, refundId, async (tx, row) => {
    demandIntervention(row);
    if (row.order_id === null) throw wrongLeg(row, 'the money of a late capture is the payer’s');
    if (await isOfDeposit(tx, row)) {
      throw wrongLeg(row, 'the money of a deposit is the payer’s; try the cash again, or pay it another way');
    }
    if ((await linesOfRefund(tx, row.id)).some(({ dropped }) => dropped > 0)) {
      throw wrongLeg(row, 'pieces of it never left, so their money goes back: try a leg again, or pay it another way');
    }
    if (row.marketing_done) {
      throw wrongLeg(
        row,
        'marketing has given back its part, so the money goes back too: try the cash leg, or settle it',
      );
    }
    await bookWithdrawn(tx, context, row, reason);
    await releaseClaims(tx, row.id);
    await move(tx, context, actor, row, { to: 'R3', set: { decided_by: actor, returned_at: null }, reason });
    return row;
  });
}

function demandIntervention(row: RefundRow): void {
  if (row.state === 'R15') return;
  throw refused('wrong_state', `Refund ${row.id} stands at ${row.state}: only at R15 a person decides how it goes on.`);
}

function wrongLeg(row: RefundRow, why: string) {
  return refused('wrong_state', `Refund ${row.id} cannot go on that way: ${why}.`);
}

/** The key of the next try; a leg that was never asked for has not used its first. */
async function nextLeg(tx: Tx, row: RefundRow, state: 'R4' | 'R9'): Promise<number> {
  const leg = state === 'R4' ? row.return_leg : row.cash_leg;
  return (await hasBeen(tx, row, state)) ? leg + 1 : leg;
}

/**
 * A refund that was rejected before anybody looked where its pieces are: delivered ones come back or stay, and what is
 * still under way is asked for anew.
 */
async function placePieces(tx: Tx, row: RefundRow, where: 'come back' | 'stay'): Promise<void> {
  const lines = await linesOfRefund(tx, row.id);
  const unplaced = lines.filter((line) => line.kept + line.dropped + line.returning < line.quantity);
  if (row.order_id === null || unplaced.length === 0) return;
  const placed = unplaced.map((line) => {
    const pieces = line.quantity - line.kept;
    if (pieces > line.shipped - line.returned - line.taken - line.kept) {
      throw wrongLeg(row, `not all pieces of line ${line.line_no} have arrived; close it, and ask anew`);
    }
    const back = where === 'come back';
    return { lineNo: line.line_no, dropped: 0, returning: back ? pieces : 0, kept: back ? line.kept : line.quantity };
  });
  await settlePieces(tx, row.id, placed);
  if (where === 'come back') return;
  // Delivered codes that are paid back are worth nothing any more.
  for (const { sku_id, quantity, kept } of unplaced) await voidCodes(tx, row.order_id, sku_id, quantity - kept);
}

/** What the order's buyer has from us goes back here; the outside service is asked on by its own repair. */
async function giveBackHere(tx: Tx, context: CoreContext, row: RefundRow): Promise<void> {
  const started = await startReturn(tx, context, ofOrder(row), await tradeOfCapture(tx, row.capture_id));
  await finishReturn(tx, context, ofOrder(row));
  tx.afterCommit(() => kickRollbacks(context, started));
}

async function askMarketingAgain(tx: Tx, context: CoreContext, row: RefundRow): Promise<void> {
  const trade = await tradeOfCapture(tx, row.capture_id);
  const started = await startReturn(tx, context, ofOrder(row), trade);
  const held = await deductionsOfAttempt(tx, trade);
  const again = held.filter((d) => d.state === 'ROLLBACK_PENDING' && d.person_reason !== null).map((d) => d.id);
  for (const id of again) await retryRollback(tx, id, context.clock.now());
  tx.afterCommit(() => kickRollbacks(context, [...started, ...again]));
}

/** The move took the lease of a state that asks outside; the driver that is kicked after the commit takes its own. */
async function freeForDriver(tx: Tx, refundId: string): Promise<void> {
  await tx.query({
    name: 'refund_free_lease',
    text: 'UPDATE core.refund SET lease_until = NULL WHERE id = $1',
    values: [refundId],
  });
}
