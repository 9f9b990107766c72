import type { CoreContext } from '../context.ts';
import { openPart } from '../fulfilment/cancel.ts';
import type { InitReturn, ReturnView } from '../fulfilment/fulfilment.port.ts';
import type { Tx } from '../kernel/db/database.ts';
import type { Step } from '../kernel/driver.ts';
import { type Cause, readRow } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { releaseClaims } from '../refunds/claims.store.ts';
import { bookOwed } from '../refunds/owing.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import { keyOfLeg, legOfKey, type RefundRow } from '../refunds/refunds.store.ts';
import { backOnShelf } from '../refunds/shelf.ts';
import { countReturned, linesOfRefund } from './aftersales.store.ts';

type ReturnStep = Promise<Step<RefundRow>>;

/** How often a return that is under way is asked for when no callback comes. */
const POLL_MS = 15_000;

const byAsking: Cause = { actor: 'fulfilment', reason: 'its answer' };

/** R4: the fulfilment service is asked for the return, by the refund's id and the number of the try. */
export async function askReturn(context: CoreContext, row: RefundRow, signal: AbortSignal): ReturnStep {
  const returnNo = keyOfLeg(row.id, row.return_leg);
  let answer = row.tries === 0 ? null : await context.fulfilment.returnQuery(returnNo, signal);
  // No record there is not a no: the request may still be on its way, so it goes out again under the same key.
  if (answer === null || (answer.kind === 'ok' && answer.value.state === 'none')) {
    answer = await context.fulfilment.returnInit(await returnOf(context, row, returnNo), signal);
  }
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') {
    return stepOf(await applyReturn(context, { returnNo, state: 'failed', reason: answer.reason }, byAsking));
  }
  if (answer.value.state === 'none') {
    return { kind: 'unknown', reason: 'the fulfilment service has no record of the return it was just asked for' };
  }
  return stepOf(await applyReturn(context, answer.value, byAsking));
}

async function returnOf(context: CoreContext, row: RefundRow, returnNo: string): Promise<InitReturn> {
  const lines = await context.db.query<{ skuId: string; name: string; quantity: number }>({
    name: 'refund_return_lines',
    text: `SELECT o.sku_id::text AS "skuId", o.name, l.returning AS quantity
      FROM core.refund_line l JOIN core.order_line o ON o.order_id = l.order_id AND o.line_no = l.line_no
      WHERE l.refund_id = $1 AND l.returning > 0 ORDER BY l.line_no`,
    values: [row.id],
  });
  return { returnNo, orderId: row.order_id ?? '', lines };
}

/** R5: the callback may be lost. */
export async function pollReturn(context: CoreContext, row: RefundRow, signal: AbortSignal): ReturnStep {
  // Entered a moment ago: the callback is faster than the poll.
  if (row.due_at !== null && row.due_at > context.clock.now()) return { kind: 'rest' };
  const answer = await context.fulfilment.returnQuery(keyOfLeg(row.id, row.return_leg), signal);
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') return { kind: 'unknown', reason: `the query was refused: ${answer.reason}` };
  const { state } = answer.value;
  if (state === 'none') {
    return { kind: 'unknown', reason: 'the fulfilment service has lost a return that it had accepted' };
  }
  if (state === 'accepted' || state === 'processing') return { kind: 'wait', ms: POLL_MS };
  return stepOf(await applyReturn(context, answer.value, byAsking));
}

function stepOf(outcome: ReturnOutcome): Step<RefundRow> {
  return outcome.kind === 'conflict' ? { kind: 'person', reason: outcome.reason } : { kind: 'moved' };
}

export type ReturnOutcome =
  | { readonly kind: 'applied'; readonly refundId: string; readonly scope: string }
  /** It stood there already, or beyond. */
  | { readonly kind: 'known' }
  /** It contradicts what was reached: nothing moved. */
  | { readonly kind: 'conflict'; readonly reason: string };

/** Moves a refund to what the fulfilment service says of its return, once, whoever brings the news. */
export async function applyReturn(
  context: CoreContext,
  view: ReturnView,
  cause: Cause,
  inside?: Tx,
): Promise<ReturnOutcome> {
  const run = (tx: Tx): Promise<ReturnOutcome> => applyInside(context, tx, view, cause);
  return inside === undefined ? context.db.tx(run) : run(inside);
}

const TARGET = { accepted: 'R5', processing: 'R5', received: 'R6', failed: 'R7' } as const;

async function applyInside(context: CoreContext, tx: Tx, view: ReturnView, cause: Cause): Promise<ReturnOutcome> {
  const { refundId, leg } = legOfKey(view.returnNo);
  const found = await readRow<RefundRow>(tx, refundMachine, refundId);
  if (found === null) return { kind: 'conflict', reason: `return ${view.returnNo} is not ours` };
  await lockPayOrder(tx, found.pay_order_id);
  const row = (await readRow<RefundRow>(tx, refundMachine, refundId)) ?? found;
  if (view.state === 'none') return { kind: 'known' };
  const to = TARGET[view.state];
  if (leg !== row.return_leg || (row.state !== 'R4' && row.state !== 'R5')) return whatIsPast(row, leg, view);
  if (to === 'R5' && row.state === 'R5') return { kind: 'known' };
  await moveReturn(context, tx, row, to, view, cause);
  if (to === 'R6') await takeBack(context, tx, row);
  return { kind: 'applied', refundId, scope: row.pay_order_id };
}

/** Goods that came although their return had failed are for a person: they lie here, and nobody has paid for them. */
function whatIsPast(row: RefundRow, leg: number, view: ReturnView): ReturnOutcome {
  const came = row.returned_at !== null;
  if (view.state === 'received' && (!came || leg !== row.return_leg)) {
    return { kind: 'conflict', reason: `goods came as ${view.returnNo}; the refund stands at ${row.state}` };
  }
  if (view.state === 'failed' && came && leg === row.return_leg) {
    return { kind: 'conflict', reason: `return ${view.returnNo} had been received before` };
  }
  return { kind: 'known' };
}

async function moveReturn(
  context: CoreContext,
  tx: Tx,
  row: RefundRow,
  to: 'R5' | 'R6' | 'R7',
  view: ReturnView,
  cause: Cause,
): Promise<void> {
  const told = {
    id: row.id,
    set: {
      return_carrier: view.carrier ?? row.return_carrier,
      return_tracking_no: view.trackingNo ?? row.return_tracking_no,
      returned_at: to === 'R6' ? context.clock.now() : null,
    },
    ...cause,
    reason: view.reason ?? cause.reason,
    evidence: view,
    scope: row.pay_order_id,
  };
  if (row.state === 'R4') await context.mover.move(tx, refundMachine, { ...told, from: 'R4', to });
  else if (to !== 'R5') await context.mover.move(tx, refundMachine, { ...told, from: 'R5', to });
}

/** The goods are back: what is not to be sent out anew is for sale again, and its money is owed. */
async function takeBack(context: CoreContext, tx: Tx, row: RefundRow): Promise<void> {
  if (row.kind === 'exchange' || row.order_id === null) return;
  const lines = await linesOfRefund(tx, row.id);
  await countReturned(tx, row.id);
  const goods = lines.map((line) => ({ skuId: line.sku_id, quantity: line.returning }));
  await backOnShelf(tx, context, { id: row.id, orderId: row.order_id, way: 'returned' }, goods);
  await bookOwed(tx, context, row, 'the goods are back');
}

/**
 * The end of an exchange (换货): as many pieces of the same lines go out again, under the same refund, and no money moves. The
 * stock's counters stay: one piece came, one goes. If they cannot be sent, they are refunded as any undelivered pieces are.
 */
export async function sendReplacement(context: CoreContext, row: RefundRow): ReturnStep {
  await context.db.tx(async (tx) => {
    await lockPayOrder(tx, row.pay_order_id);
    const lines = await linesOfRefund(tx, row.id);
    const cause = { actor: 'core', reason: 'the goods are back: the same goes out again' };
    const moved = await context.mover.move(tx, refundMachine, {
      id: row.id,
      from: 'R6',
      to: 'R10',
      scope: row.pay_order_id,
      ...cause,
    });
    if (moved.kind !== 'moved' || row.order_id === null) return;
    const parts = lines.map((line) => ({ lineNo: line.line_no, quantity: line.returning }));
    const of = { order_id: row.order_id, pay_order_id: row.pay_order_id, refundId: row.id };
    await openPart(tx, context, of, { lines: parts.filter(({ quantity }) => quantity > 0), ...cause });
    await releaseClaims(tx, row.id);
  });
  return { kind: 'moved' };
}
