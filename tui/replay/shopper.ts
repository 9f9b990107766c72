import { z } from 'zod';
import { ApiError, type Client } from '../client.ts';
import { monotonicMs, until } from '../clock.ts';
import { patiently } from './pace.ts';
import type { PlannedInvoice } from './planned.ts';
import type { Shelf } from './shelf.ts';

export interface Counters {
  readonly shop: Client;
  /** The payment channel's counter, where shoppers pay. */
  readonly channel: Client;
}

export interface Played {
  readonly invoice: PlannedInvoice;
  readonly orderId: string;
  readonly payOrderId: string;
}

export interface Refused {
  readonly invoiceNo: string;
  readonly reason: string;
}

/** Guests have no number of their own in the file: each invoice is a visitor of its own. */
const GUEST_BASE = 900_000_000_000;
/** How often an order that was closed unpaid (its replay had been stopped for a while) is placed anew. */
const MAX_ROUNDS = 50;
const STOCK_WAIT_MS = 60_000;
const PAY_WAIT_MS = 120_000;
const LOOK_AGAIN_MS = 250;

const orderAnswer = z.looseObject({
  payOrderId: z.string(),
  orders: z.array(z.looseObject({ orderId: z.string() })).min(1),
});
const payAnswer = z.looseObject({ paymentId: z.string(), status: z.object({ code: z.string() }) });
const anything = z.unknown();

export interface ShopOptions {
  readonly runKey: string;
  readonly shelf: Shelf;
  readonly signal: AbortSignal;
}

/**
 * Buys one invoice: places its order and pays it. Every call carries the invoice's own key, so an invoice that was bought
 * before is found and nothing happens twice. An order that was closed unpaid meanwhile is placed anew under the next key.
 */
export async function shopOne(
  invoice: PlannedInvoice,
  counters: Counters,
  options: ShopOptions,
): Promise<Played | Refused> {
  const { signal } = options;
  try {
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const order = await placeOne(invoice, round, counters, options);
      if (!(await payOne(order.payOrderId, counters, signal))) continue;
      return { invoice, orderId: order.orders[0]?.orderId ?? '', payOrderId: order.payOrderId };
    }
    return { invoiceNo: invoice.invoiceNo, reason: `its order was closed unpaid ${MAX_ROUNDS} times` };
  } catch (error) {
    // A token that is not taken is nothing about this invoice, and the next one would fare no better.
    const refused = error instanceof ApiError && error.status !== 401 && error.status !== 403;
    if (refused) return { invoiceNo: invoice.invoiceNo, reason: `${error.code}: ${error.message}` };
    throw error;
  }
}

async function placeOne(
  invoice: PlannedInvoice,
  round: number,
  { shop }: Counters,
  { runKey, shelf, signal }: ShopOptions,
): Promise<z.output<typeof orderAnswer>> {
  const key = `replay-${runKey}-${invoice.invoiceNo}${round === 1 ? '' : `.${round}`}`;
  const giveUpMs = monotonicMs() + STOCK_WAIT_MS;
  for (;;) {
    try {
      return await patiently(signal, () =>
        shop.call(orderAnswer, '/v1/orders', {
          method: 'POST',
          body: orderBody(invoice, shelf),
          headers: { 'idempotency-key': key },
          signal,
        }),
      );
    } catch (error) {
      // The stock holds exactly what the file sells: what is missing is still set aside for this invoice's closed order.
      const stillHeld = round > 1 && error instanceof ApiError && error.code === 'sold_out';
      if (!stillHeld || monotonicMs() > giveUpMs) throw error;
      await until(monotonicMs() + LOOK_AGAIN_MS, signal);
    }
  }
}

function orderBody(invoice: PlannedInvoice, shelf: Shelf): unknown {
  const guest = invoice.customerId === null;
  return {
    userId: guest ? guestOf(invoice) : invoice.customerId,
    guest,
    type: invoice.chargesOnly ? 'virtual' : 'physical',
    items: invoice.lines.map(({ sku, quantity }) => ({
      skuId: shelf.get(sku),
      quantity,
      expectedPrice: { amount: sku.unitPriceMinor, currency: 'GBP' },
    })),
    ...(invoice.chargesOnly
      ? {}
      : {
          address: {
            recipient: `Customer ${invoice.customerId ?? 'guest'}`,
            line: `Invoice ${invoice.invoiceNo}`,
            ...(invoice.country === '' ? {} : { country: invoice.country }),
          },
        }),
  };
}

function guestOf({ invoiceNo }: PlannedInvoice): string {
  return String(GUEST_BASE + (Number(invoiceNo.replaceAll(/\D/g, '').slice(-9)) || 0));
}

/** Presses pay, waits for the channel to be ready, and pays there. False: the order is closed and cannot be paid. */
async function payOne(payOrderId: string, { shop, channel }: Counters, signal: AbortSignal): Promise<boolean> {
  const giveUpMs = monotonicMs() + PAY_WAIT_MS;
  for (;;) {
    const attempt = await pressPay(payOrderId, shop, signal);
    if (attempt === null) return false;
    const { code } = attempt.status;
    if (code === 'P8') return true;
    if (code === 'P7' && (await atTheCounter(attempt.paymentId, channel, signal))) return true;
    if (monotonicMs() > giveUpMs)
      throw new ApiError(504, 'pay_stuck', 'Paying takes too long', `pay order ${payOrderId} stands at ${code}`, null);
    await until(monotonicMs() + LOOK_AGAIN_MS, signal);
  }
}

async function pressPay(
  payOrderId: string,
  shop: Client,
  signal: AbortSignal,
): Promise<z.output<typeof payAnswer> | null> {
  try {
    return await patiently(signal, () =>
      shop.call(payAnswer, `/v1/pay-orders/${payOrderId}/pay`, {
        method: 'POST',
        body: { channel: 'sandbox' },
        signal,
      }),
    );
  } catch (error) {
    if (error instanceof ApiError && error.code === 'pay_order_closed') return null;
    throw error;
  }
}

/** True: the channel has the money, now or from before. False: the trade is gone, and pay must be pressed again. */
async function atTheCounter(paymentId: string, channel: Client, signal: AbortSignal): Promise<boolean> {
  try {
    await patiently(signal, () =>
      channel.call(anything, `/sandbox/pay/${paymentId}`, { method: 'POST', body: { result: 'paid' }, signal }),
    );
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 'wrong_state' || error.code === 'not_found')) return false;
    throw error;
  }
}
