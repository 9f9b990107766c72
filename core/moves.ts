import { productMachine } from './catalog/catalog.machine.ts';
import { shipmentMachine } from './fulfilment/fulfilment.machine.ts';
import { roomLockMachine } from './hotel/hotel.machine.ts';
import type { Machine, MachineRow } from './kernel/machine.ts';
import type { Metrics } from './kernel/metrics.ts';
import { CURRENCIES, type Currency, isCurrency } from './kernel/money.ts';
import type { Transition } from './kernel/mover.ts';
import { campaignMachine } from './marketing/campaigns.machine.ts';
import { orderMachine } from './orders/orders.machine.ts';
import { ticketMachine } from './orders/tickets.machine.ts';
import { callbackMachine, captureMachine, deductionMachine, paymentMachine } from './payments/payments.machine.ts';
import { refundMachine } from './refunds/refunds.machine.ts';

const MACHINES: readonly Machine[] = [
  productMachine,
  orderMachine,
  ticketMachine,
  paymentMachine,
  deductionMachine,
  captureMachine,
  callbackMachine,
  shipmentMachine,
  refundMachine,
  roomLockMachine,
  campaignMachine,
];

/**
 * Counts committed moves: every transition of every machine, and the value of each order that came to be paid. All series
 * begin at 0, so that the first order of a currency shows in its rate too. Each process counts what it moved itself, so
 * the whole is the sum over all of them.
 */
export function countMoves(metrics: Metrics): (transition: Transition) => void {
  for (const machine of MACHINES) {
    for (const state of Object.keys(machine.states)) metrics.counter('orderState', { machine: machine.name, state });
  }
  for (const currency of CURRENCIES) metrics.counter('gmv', { currency });
  return ({ machine, to, row }) => {
    metrics.counter('orderState', { machine, state: to }).inc();
    if (machine !== orderMachine.name || to !== 'O1') return;
    const paid = payableOf(row);
    if (paid !== null) metrics.counter('gmv', { currency: paid.currency }).inc(paid.payable);
  };
}

function payableOf(row: MachineRow): { readonly payable: number; readonly currency: Currency } | null {
  if (!('payable' in row) || typeof row.payable !== 'number') return null;
  if (!('currency' in row) || typeof row.currency !== 'string' || !isCurrency(row.currency)) return null;
  return { payable: row.payable, currency: row.currency };
}
