import { z } from 'zod';
import type { Client } from '../client.ts';
import type { Played } from './player.ts';

/** What three books say of the money of a replay, in minor units. They must be the same. */
export interface Books {
  /** What the core says it captured for these orders. */
  readonly moneyIn: number;
  /** What the ledger says the merchant earned by them. */
  readonly accounted: number;
  /** What the channel says it took for their trades. */
  readonly channel: number;
  readonly fulfilled: number;
  readonly openFindings: number | null;
}

export interface Readers {
  readonly shop: Client;
  readonly channel: Client;
  /** NULL: control was not asked (it may be down; the core does not need it). */
  readonly control: Client | null;
}

const orderView = z.looseObject({
  state: z.looseObject({ code: z.string() }),
  payments: z.array(
    z.looseObject({ state: z.looseObject({ code: z.string() }), amount: z.looseObject({ amount: z.int() }) }),
  ),
});
const entries = z.object({
  entries: z.array(
    z.looseObject({ accountId: z.string(), amount: z.object({ amount: z.int(), currency: z.string() }) }),
  ),
});
const trade = z.looseObject({ state: z.string(), amount: z.int().optional() });
const overview = z.looseObject({ openFindings: z.int(), verdict: z.string() });

/** Reads the three books order by order, waiting for shipments to arrive until `deadlineMs` from now. */
export async function closeBooks(
  played: readonly Played[],
  readers: Readers,
  options: { readonly deadlineMs: number; readonly signal: AbortSignal },
): Promise<Books> {
  const deadline = performance.now() + options.deadlineMs;
  const sums = { moneyIn: 0, accounted: 0, channel: 0, fulfilled: 0 };
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = played[next++]; one !== undefined; one = played[next++])
      await addOne(one, readers, deadline, options.signal, sums);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const openFindings =
    readers.control === null
      ? null
      : (await readers.control.call(overview, '/v1/overview', { signal: options.signal })).openFindings;
  return { ...sums, openFindings };
}

type Sums = { moneyIn: number; accounted: number; channel: number; fulfilled: number };

async function addOne(one: Played, readers: Readers, deadline: number, signal: AbortSignal, sums: Sums): Promise<void> {
  let order = await readers.shop.call(orderView, `/v1/orders/${one.orderId}`, { signal });
  while ((order.state.code === 'O0' || order.state.code === 'O1') && performance.now() < deadline) {
    await pause(signal);
    order = await readers.shop.call(orderView, `/v1/orders/${one.orderId}`, { signal });
  }
  if (order.state.code === 'O2' || order.state.code === 'O5') sums.fulfilled += 1;
  sums.moneyIn += order.payments.filter((p) => p.state.code === 'P8').reduce((sum, p) => sum + p.amount.amount, 0);
  const booked = await readers.shop.call(entries, `/v1/pay-orders/${one.payOrderId}/entries`, { signal });
  sums.accounted -= booked.entries
    .filter((e) => e.accountId.startsWith('merchant_payable:'))
    .reduce((sum, e) => sum + e.amount.amount, 0);
  const truth = await readers.channel.call(trade, `/sandbox/trades/${one.paymentId}`, { signal });
  if (truth.state === 'paid') sums.channel += truth.amount ?? 0;
}

async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, 200));
}
