import { Webhook } from 'standardwebhooks';
import { type Received, receive } from '../../../core/callbacks/callbacks.ts';
import type { CallbackKind } from '../../../core/callbacks/messages.ts';
import { Signatures, secretOf } from '../../../core/callbacks/signatures.ts';
import { systemClock } from '../../../core/kernel/clock.ts';
import type { Result } from '../../../core/kernel/errors.ts';
import type { Letter } from './facts.ts';
import type { Sale } from './sale.ts';

const MASTER = `whsec_${Buffer.from('the secret of a simulated sale').toString('base64')}`;
const signatures = new Signatures(MASTER, ['sandbox', 'fulfilment']);

/** The outside writes to us; the letter waits until it is delivered, twice maybe, or lost. */
function write(sale: Sale, kind: CallbackKind, source: string, body: Record<string, unknown>, certain = false): void {
  const id = `evt_${sale.random.int(2 ** 48).toString(36)}`;
  const occurredAt = sale.clock.now().toISOString();
  sale.letters.push({ id, kind, certain, body: { ...body, source, merchantId: 'tidegate', occurredAt } });
}

/** Delivers a letter as its sender signed it, or with the signature of somebody else. */
export function deliver(sale: Sale, letter: Letter, forged = false): Promise<Result<Received>> {
  const text = JSON.stringify(letter.body);
  const sentAt = systemClock.now();
  const signer = new Webhook(secretOf(MASTER, forged ? 'somebody else' : String(letter.body['source'])));
  const headers = {
    'webhook-id': letter.id,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
    'webhook-signature': signer.sign(letter.id, sentAt, text),
  };
  return receive(sale.ctx, signatures, { kind: letter.kind, text, body: letter.body, headers });
}

/** The shopper at the channel: pays, or does not; the channel writes to us. `late`: it had said no before. */
export function decide(sale: Sale, tradeNo: string, paid: boolean, late = false): void {
  const { channel } = sale.outside;
  if (!paid) {
    const trade = channel.trades.get(tradeNo);
    if (trade === undefined) throw new Error(`no trade ${tradeNo}`);
    channel.trades.set(tradeNo, { ...trade, state: 'failed', reason: 'the bank said no' });
    write(sale, 'payment', channel.id, { type: 'trade.failed', tradeNo, reason: 'the bank said no' });
    return;
  }
  const { transactionId, amount, currency } = channel.pay(tradeNo);
  write(sale, 'payment', channel.id, { type: 'trade.paid', tradeNo, transactionId, amount, currency }, late);
}

/** A parcel moves on, or fails; the carrier writes to us. */
export function carry(sale: Sale, shipmentId: string, to: 'processing' | 'delivered' | 'failed'): void {
  sale.outside.fulfilment.set(shipmentId, to);
  write(sale, 'fulfilment', 'fulfilment', { type: `shipment.${to}`, shipmentId });
}

/** Goods come back, or do not; the carrier writes to us. */
export function bringBack(sale: Sale, returnNo: string, to: 'processing' | 'received' | 'failed'): void {
  sale.outside.fulfilment.setReturn(returnNo, to);
  write(sale, 'return', 'fulfilment', { type: `return.${to}`, returnNo });
}

/** The channel finishes a refund that it had only accepted. */
export function giveBack(sale: Sale, refundNo: string): void {
  const { channel } = sale.outside;
  const refund = channel.refunds.get(refundNo);
  if (refund === undefined) throw new Error(`no refund ${refundNo}`);
  channel.refunds.set(refundNo, { ...refund, state: 'done' });
  const { amount, channelRefundId } = refund;
  write(sale, 'refund', channel.id, { type: 'refund.done', refundNo, channelRefundId, amount, currency: 'CNY' });
}

/** Everything that is under way out there, in the order of its making. */
export function underWay(sale: Sale) {
  const { channel, fulfilment } = sale.outside;
  return {
    openTrades: [...channel.trades.values()].filter(({ state }) => state === 'open').map(({ tradeNo }) => tradeNo),
    parcels: [...fulfilment.parcels.values()].filter(({ state }) => state === 'accepted' || state === 'processing'),
    returns: [...fulfilment.returns.values()].filter(({ state }) => state === 'accepted' || state === 'processing'),
    refunds: [...channel.refunds.values()].filter(({ state }) => state === 'processing').map((r) => r.refundNo),
  };
}
