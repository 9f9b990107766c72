import type { CoreContext } from '../context.ts';
import { restOf, wishCancel } from '../fulfilment/cancel.ts';
import { assignedOf, linesIn, liveShipmentsOf, type ShipmentRow } from '../fulfilment/fulfilment.store.ts';
import { shipmentDriver } from '../fulfilment/fulfilment.ts';
import { fulfilIfComplete } from '../fulfilment/parcel.ts';
import type { Tx } from '../kernel/db/database.ts';
import { claimAndDrive, type Step } from '../kernel/driver.ts';
import { readRow } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { bookOwed } from '../refunds/owing.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import { backOnShelf } from '../refunds/shelf.ts';
import { voidCodes } from '../stock/codes.ts';
import { type ClaimLine, linesOfRefund, lostLines, settlePieces } from './aftersales.store.ts';

/*
 * R2: where are the pieces that shall go back? Those on the shelf stay there. Those in a parcel are taken out of it first: the
 * parcel is given up by an intent, what nobody wants refunded is shipped anew, and only the service's word counts. What it does
 * not give up any more arrives, and comes back from the shopper. So nothing is paid back that is still on its way out.
 */

/** How soon to look again at parcels that are asked to be given up, and at those that travel on. */
const ASKED_MS = 1_000;
const TRAVELS_MS = 15_000;

type Plan =
  | { readonly kind: 'decided' }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'waiting'; readonly shipments: readonly ShipmentRow[] }
  | { readonly kind: 'person'; readonly reason: string };

export async function settleGoods(context: CoreContext, row: RefundRow, signal: AbortSignal): Promise<Step<RefundRow>> {
  const plan = await planGoods(context, row);
  if (plan.kind !== 'waiting') return stepOf(plan);
  const now = context.clock.now();
  for (const { id, due_at } of plan.shipments) {
    // What waits for its own back-off is not asked past it: that would be a storm on a service that is away.
    if (due_at !== null && due_at <= now) await claimAndDrive(shipmentDriver, context, id, signal);
  }
  return stepOf(await planGoods(context, row));
}

function stepOf(plan: Plan): Step<RefundRow> {
  switch (plan.kind) {
    case 'decided':
    case 'elsewhere':
      return { kind: 'moved' };
    case 'person':
      return plan;
    case 'waiting':
      return { kind: 'wait', ms: plan.shipments.every((s) => s.cancel_refused) ? TRAVELS_MS : ASKED_MS };
  }
}

async function planGoods(context: CoreContext, held: RefundRow): Promise<Plan> {
  return context.db.tx(async (tx) => {
    await lockPayOrder(tx, held.pay_order_id);
    const row = await readRow<RefundRow>(tx, refundMachine, held.id);
    if (row === null || row.state !== 'R2' || row.order_id === null) return { kind: 'elsewhere' };
    const assigned = await assignedOf(tx, row.order_id);
    const lines = await linesOfRefund(tx, row.id);
    const shares = lines.map((line) => divide(line, row.kind, assigned.get(line.line_no) ?? 0));
    const lacks = new Map(shares.filter(({ lack }) => lack > 0).map(({ lineNo, lack }) => [lineNo, lack]));
    if (lacks.size > 0) {
      const shipments = await askBack(tx, context, row, row.order_id, lacks);
      if (shipments.length > 0) return { kind: 'waiting', shipments };
    }
    const missing = shares.find(({ missing: pieces }) => pieces > 0);
    if (missing !== undefined) {
      return { kind: 'person', reason: `${missing.missing} pieces of line ${missing.lineNo} are nowhere to be found` };
    }
    await decide(tx, context, row, row.order_id, lines, shares);
    return { kind: 'decided' };
  });
}

interface Division {
  readonly lineNo: number;
  readonly dropped: number;
  readonly returning: number;
  readonly kept: number;
  /** Pieces that lie in a parcel under way. */
  readonly lack: number;
  /** Pieces that are nowhere: other refunds have taken them. */
  readonly missing: number;
}

/** Whoever wants goods sent back means those that arrived; whoever wants money only, those that have not. */
function divide(line: ClaimLine, kind: RefundRow['kind'], assigned: number): Division {
  const need = line.quantity - line.kept;
  const shelf = line.ordered - line.shipped - line.gone - assigned;
  const free = Math.max(0, line.shipped - line.returned - line.taken - line.kept);
  const first = kind === 'refund' ? 0 : Math.min(need, free);
  const dropped = Math.min(need - first, Math.max(0, shelf));
  const lack = Math.min(need - first - dropped, assigned);
  const returning = first + Math.min(need - first - dropped - lack, free - first);
  const missing = need - dropped - lack - returning;
  return { lineNo: line.line_no, dropped, returning, kept: line.kept, lack, missing };
}

/** Wants the parcels given up that hold what lacks. Returns those whose end is to be waited for. */
async function askBack(
  tx: Tx,
  context: CoreContext,
  row: RefundRow,
  orderId: string,
  lacks: Map<number, number>,
): Promise<ShipmentRow[]> {
  const waiting: ShipmentRow[] = [];
  const live = await liveShipmentsOf(tx, orderId);
  for (const shipment of live) {
    // One that waits for another carries pieces that may still travel on in that one: that one is asked for.
    if (shipment.state === 'F0' && live.some(({ id }) => id === shipment.after_shipment)) continue;
    const inside = (await linesIn(tx, shipment.id)).filter(({ lineNo }) => (lacks.get(lineNo) ?? 0) > 0);
    if (inside.length === 0) continue;
    waiting.push(shipment.cancel_intent === null ? { ...shipment, due_at: context.clock.now() } : shipment);
    if (shipment.cancel_intent === null) {
      const reason = `refund ${row.id} wants pieces of it`;
      const parts = [{ lines: await restOf(tx, shipment.id, lacks) }];
      await wishCancel(tx, context, shipment, { intent: 'refund', reason, actor: 'core', parts });
    }
    for (const { lineNo, quantity } of inside) lacks.set(lineNo, Math.max(0, (lacks.get(lineNo) ?? 0) - quantity));
  }
  return waiting;
}

/** R4 is written before the return is asked for; without anything to return it is R8, and owed. */
async function decide(
  tx: Tx,
  context: CoreContext,
  row: RefundRow,
  orderId: string,
  lines: readonly ClaimLine[],
  shares: readonly Division[],
): Promise<void> {
  await settlePieces(tx, row.id, shares);
  const lost = await lostLines(tx, orderId);
  const onShelf = lines.flatMap(({ line_no, sku_id }) => {
    const quantity = lost.has(line_no) ? 0 : (shares.find((s) => s.lineNo === line_no)?.dropped ?? 0);
    return quantity === 0 ? [] : [{ skuId: sku_id, quantity }];
  });
  await backOnShelf(tx, context, { id: row.id, orderId, way: 'dropped' }, onShelf);
  // Delivered codes that are paid back are worth nothing any more.
  for (const { kept, sku_id } of lines) if (kept > 0) await voidCodes(tx, orderId, sku_id, kept);
  const comesBack = shares.some(({ returning }) => returning > 0);
  const cause = { actor: 'core', scope: row.pay_order_id };
  if (comesBack) {
    const reason = 'the goods come back first';
    await context.mover.move(tx, refundMachine, { id: row.id, from: 'R2', to: 'R4', reason, ...cause });
  } else {
    const reason = 'nothing is to be returned';
    await context.mover.move(tx, refundMachine, { id: row.id, from: 'R2', to: 'R8', reason, ...cause });
    await bookOwed(tx, context, row, reason);
  }
  await fulfilIfComplete(context, tx, { order_id: orderId, pay_order_id: row.pay_order_id });
}
