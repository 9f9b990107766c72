import { z } from 'zod';
import { ApiError, type Client, Unreachable } from '../client.ts';
import { monotonicMs, until } from '../clock.ts';
import { inParallel, patiently } from './pace.ts';
import type { Played } from './shopper.ts';

/** What three books say of one invoice's money, in minor units, and where its order stands. */
interface Entry {
  readonly invoiceNo: string;
  readonly worth: number;
  readonly moneyIn: number;
  readonly accounted: number;
  readonly channel: number;
  readonly state: string;
}

/** The three books of a whole replay, in minor units. They must say the same. */
export interface Books {
  /** What the core says it captured for these orders. */
  readonly moneyIn: number;
  /** What the ledger says the merchant earned by them. */
  readonly accounted: number;
  /** What the channel says it took for them and kept, whichever attempt it was. */
  readonly channel: number;
  readonly fulfilled: number;
  /** Invoices of which the books do not say what the file says, or that were not fulfilled in time. */
  readonly apart: readonly Entry[];
}

export interface Readers {
  readonly shop: Client;
  readonly channel: Client;
}

const payOrderView = z.looseObject({
  orders: z.array(z.looseObject({ state: z.looseObject({ code: z.string() }) })).min(1),
  payments: z.array(
    z.looseObject({
      paymentId: z.string(),
      state: z.looseObject({ code: z.string() }),
      amount: z.looseObject({ amount: z.int() }),
    }),
  ),
});
type PayOrderView = z.output<typeof payOrderView>;
const entries = z.object({
  entries: z.array(z.looseObject({ accountId: z.string(), amount: z.looseObject({ amount: z.int() }) })),
});
const trade = z.looseObject({ state: z.string(), amount: z.int().nullable(), refunded: z.int() });

const LOOK_AGAIN_MS = 200;
const READERS = 8;
const UNSETTLED: ReadonlySet<string> = new Set(['O0', 'O1']);
const FULFILLED: ReadonlySet<string> = new Set(['O2', 'O5']);

export interface CloseOptions {
  /** How long shipments may take to arrive, all together. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly onRead: () => void;
}

/** Reads the three books invoice by invoice, waiting until its order is paid and fulfilled. */
export async function closeBooks(played: readonly Played[], readers: Readers, options: CloseOptions): Promise<Books> {
  const giveUpMs = monotonicMs() + options.patienceMs;
  const sums = { moneyIn: 0, accounted: 0, channel: 0, fulfilled: 0 };
  const apart: Entry[] = [];
  await inParallel(played, READERS, options.signal, async (one, signal) => {
    const entry = await readEntry(one, readers, giveUpMs, signal);
    for (const book of ['moneyIn', 'accounted', 'channel'] as const) sums[book] += entry[book];
    const fulfilled = FULFILLED.has(entry.state);
    if (fulfilled) sums.fulfilled += 1;
    const agree = [entry.moneyIn, entry.accounted, entry.channel].every((amount) => amount === entry.worth);
    if (!agree || !fulfilled) apart.push(entry);
    options.onRead();
  });
  return { ...sums, apart };
}

async function readEntry(one: Played, readers: Readers, giveUpMs: number, signal: AbortSignal): Promise<Entry> {
  const { shop, channel } = readers;
  const view = await readSettled(one.payOrderId, shop, giveUpMs, signal);
  const booked = await patiently(signal, () =>
    shop.call(entries, `/v1/pay-orders/${one.payOrderId}/entries`, { signal }),
  );
  let kept = 0;
  for (const { paymentId } of view.payments) kept += await keptByChannel(paymentId, channel, signal);
  return {
    invoiceNo: one.invoice.invoiceNo,
    worth: one.invoice.worth,
    moneyIn: sum(view.payments.filter(({ state }) => state.code === 'P8')),
    // Credit is negative in the ledger; what the merchant earned is a credit.
    accounted: -sum(booked.entries.filter(({ accountId }) => accountId.startsWith('merchant_payable:'))),
    channel: kept,
    state: view.orders[0]?.state.code ?? 'none',
  };
}

function sum(rows: readonly { readonly amount: { readonly amount: number } }[]): number {
  return rows.reduce((total, { amount }) => total + amount.amount, 0);
}

async function readSettled(
  payOrderId: string,
  shop: Client,
  giveUpMs: number,
  signal: AbortSignal,
): Promise<PayOrderView> {
  for (;;) {
    const view = await patiently(signal, () => shop.call(payOrderView, `/v1/pay-orders/${payOrderId}`, { signal }));
    const waits = view.orders.some(({ state }) => UNSETTLED.has(state.code));
    if (!waits || monotonicMs() > giveUpMs) return view;
    await until(monotonicMs() + LOOK_AGAIN_MS, signal);
  }
}

/** An attempt that never reached the channel has no trade there. */
async function keptByChannel(paymentId: string, channel: Client, signal: AbortSignal): Promise<number> {
  try {
    const { state, amount, refunded } = await patiently(signal, () =>
      channel.call(trade, `/sandbox/trades/${paymentId}?channel=sandbox`, { signal }),
    );
    return state === 'paid' ? (amount ?? 0) - refunded : 0;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return 0;
    throw error;
  }
}

/** What the checks say once they have looked at everything the replay did. */
export interface Verdict {
  readonly verdict: 'holds' | 'violated' | 'unknown';
  readonly reason: string;
  readonly checks: number;
  /** Checks that have not looked since the replay's end: what they say does not cover it. */
  readonly notSince: readonly string[];
  /** NULL: nobody could be asked. */
  readonly openFindings: number | null;
}

const overview = z.looseObject({
  at: z.string(),
  verdict: z.enum(['holds', 'violated', 'unknown']),
  verdictReason: z.string(),
  openFindings: z.int(),
  checks: z.array(
    z.looseObject({
      id: z.string(),
      finishedAt: z.string().nullable(),
      coverage: z.looseObject({ lagSeconds: z.number(), backlog: z.int() }),
    }),
  ),
});
type Overview = z.output<typeof overview>;

/**
 * Asks control until every check has run twice since now and is not behind: the second run began after the first, so it
 * saw all. After `patienceMs` says which have not. With control away nothing is known, and nothing is green.
 */
export async function askChecks(
  control: Client,
  options: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<Verdict> {
  const { signal } = options;
  const giveUpMs = monotonicMs() + options.patienceMs;
  const first = new Map<string, string>();
  try {
    const begun = await control.call(overview, '/v1/overview', { signal });
    for (;;) {
      const seen = await control.call(overview, '/v1/overview', { signal });
      const notSince = seen.checks.filter((check) => !coversAll(check, begun.at, first)).map(({ id }) => id);
      const { verdict, verdictReason: reason, openFindings } = seen;
      if (notSince.length === 0 || monotonicMs() > giveUpMs)
        return { verdict, reason, checks: seen.checks.length, notSince, openFindings };
      await until(monotonicMs() + LOOK_AGAIN_MS * 2, signal);
    }
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return { verdict: 'unknown', reason: error.message, checks: 0, notSince: [], openFindings: null };
  }
}

function coversAll(
  { id, finishedAt, coverage }: Overview['checks'][number],
  sinceText: string,
  first: Map<string, string>,
): boolean {
  if (finishedAt === null || finishedAt <= sinceText) return false;
  const before = first.get(id);
  if (before === undefined) first.set(id, finishedAt);
  const knownUpToMs = Date.parse(finishedAt) - coverage.lagSeconds * 1000;
  return before !== undefined && finishedAt > before && coverage.backlog === 0 && knownUpToMs >= Date.parse(sinceText);
}
