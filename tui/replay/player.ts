import { z } from 'zod';
import { ApiError, type Client, Unreachable } from '../client.ts';
import type { Plan, PlannedInvoice, PlannedSku } from './plan.ts';

/** Plays a plan through the HTTP interfaces, as a shop, its shoppers and its merchant would. */
export interface Cast {
  readonly merchant: Client;
  readonly shop: Client;
  /** The payment channel's counter, where shoppers pay. */
  readonly channel: Client;
}

export interface PlayOptions {
  /** Times real time; 0 plays as fast as the shoppers can. */
  readonly speed: number;
  readonly shoppers: number;
  /** Names this file's replay: the same file played again finds its own orders instead of making new ones. */
  readonly runKey: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: { readonly what: 'products' | 'invoices'; readonly count: number }) => void;
}

export interface Played {
  readonly invoices: PlannedInvoice;
  readonly orderId: string;
  readonly payOrderId: string;
  readonly paymentId: string;
}

export interface Refused {
  readonly invoiceNo: string;
  readonly reason: string;
}

export interface Performance {
  readonly played: readonly Played[];
  readonly refused: readonly Refused[];
}

const GENERAL_GOODS = '1001001';
const CHARGES = '1005003';
/** Guests have no number of their own in the file: each invoice is a visitor of its own. */
const GUEST_BASE = 900_000_000_000;

const productAnswer = z.looseObject({
  spuId: z.string(),
  skus: z.array(z.looseObject({ skuId: z.string(), skuName: z.string() })),
});
const productState = z.looseObject({
  state: z.looseObject({ code: z.union([z.string(), z.number()]), name: z.string() }),
});
const orderAnswer = z.looseObject({
  payOrderId: z.string(),
  orders: z.array(z.looseObject({ orderId: z.string() })).min(1),
});
const payAnswer = z.looseObject({ paymentId: z.string(), status: z.object({ code: z.string() }) });
const anything = z.unknown();

export async function play(plan: Plan, cast: Cast, options: PlayOptions): Promise<Performance> {
  const skuIds = await stockUp(plan, cast.merchant, options);
  const played: Played[] = [];
  const refused: Refused[] = [];
  const first = plan.invoices[0]?.at.getTime() ?? 0;
  const startedMs = performance.now();
  let count = 0;
  await inParallel(plan.invoices, options.shoppers, async (invoice) => {
    if (options.speed > 0) await until(startedMs + (invoice.at.getTime() - first) / options.speed, options.signal);
    const outcome = await shopOne(invoice, skuIds, cast, options);
    if ('reason' in outcome) refused.push(outcome);
    else played.push(outcome);
    count += 1;
    options.onProgress({ what: 'invoices', count });
  });
  return { played, refused };
}

/** Puts on the shelf what the file sells: a product a stock code, a SKU a price, with the pieces that are bought. */
async function stockUp(plan: Plan, merchant: Client, options: PlayOptions): Promise<ReadonlyMap<string, string>> {
  const byCode = new Map<string, PlannedSku[]>();
  for (const sku of plan.skus.values()) byCode.set(sku.stockCode, [...(byCode.get(sku.stockCode) ?? []), sku]);
  const skuIds = new Map<string, string>();
  let count = 0;
  await inParallel([...byCode.entries()], options.shoppers, async ([code, skus]) => {
    const product = await patiently(options.signal, () =>
      merchant.call(productAnswer, '/v1/products', {
        method: 'POST',
        body: productJson(code, skus),
        headers: { 'idempotency-key': `replay-${options.runKey}-${code.replaceAll(/[^\w.-]/g, '_')}` },
        signal: options.signal,
      }),
    );
    await putOnShelf(merchant, product.spuId, options.signal);
    for (const sku of skus) {
      const made = product.skus.find((s) => s.skuName === skuName(sku));
      if (made === undefined) throw new Error(`the product of ${code} lacks the SKU at ${sku.unitPrice}`);
      skuIds.set(sku.key, made.skuId);
    }
    count += 1;
    options.onProgress({ what: 'products', count });
  });
  return skuIds;
}

const SHELF = ['submit', 'approve', 'publish'] as const;

async function putOnShelf(merchant: Client, spuId: string, signal: AbortSignal): Promise<void> {
  const { state } = await merchant.call(productState, `/v1/products/${spuId}`, { signal });
  if (state.name.includes('ON_SHELF')) return;
  for (const step of SHELF) {
    await patiently(signal, () => merchant.call(anything, `/v1/products/${spuId}/${step}`, { method: 'POST', signal }));
  }
}

function skuName(sku: PlannedSku): string {
  return `${sku.stockCode} at ${sku.unitPrice}`;
}

/** JSON by hand where numbers matter: the price goes out as the text that stands in the file. */
function productJson(code: string, skus: readonly PlannedSku[]): string {
  const [head] = skus;
  const lines = skus.map((sku) => {
    const free = sku.unitPriceMinor === 0 ? ',"free":true' : '';
    const stock = sku.charge ? '"stockMode":"infinite"' : `"stock":${sku.pieces}`;
    return `{"skuName":${JSON.stringify(skuName(sku))},"price":${sku.unitPrice},${stock}${free}}`;
  });
  const name = JSON.stringify((head?.description ?? code).slice(0, 190));
  const category = head?.charge === true ? CHARGES : GENERAL_GOODS;
  return `{"categoryId":${category},"currency":"GBP","spu":{"name":${name},"description":${JSON.stringify(code)}},"skus":[${lines.join(',')}]}`;
}

async function shopOne(
  invoice: PlannedInvoice,
  skuIds: ReadonlyMap<string, string>,
  cast: Cast,
  options: PlayOptions,
): Promise<Played | Refused> {
  try {
    const order = await patiently(options.signal, () =>
      cast.shop.call(orderAnswer, '/v1/orders', {
        method: 'POST',
        body: orderBody(invoice, skuIds),
        headers: { 'idempotency-key': `replay-${options.runKey}-${invoice.invoiceNo}` },
        signal: options.signal,
      }),
    );
    const { payOrderId } = order;
    const paymentId = await payOne(payOrderId, cast, options.signal);
    return { invoices: invoice, orderId: order.orders[0]?.orderId ?? '', payOrderId, paymentId };
  } catch (error) {
    if (error instanceof ApiError) return { invoiceNo: invoice.invoiceNo, reason: `${error.code}: ${error.message}` };
    throw error;
  }
}

function orderBody(invoice: PlannedInvoice, skuIds: ReadonlyMap<string, string>): unknown {
  const guest = invoice.customerId === null;
  return {
    userId: guest ? String(GUEST_BASE + Number(invoice.invoiceNo.replaceAll(/\D/g, '') || 0)) : invoice.customerId,
    guest,
    type: invoice.chargesOnly ? 'virtual' : 'physical',
    items: invoice.lines.map((line) => ({ skuId: skuIds.get(line.sku), quantity: line.quantity })),
    ...(invoice.chargesOnly
      ? {}
      : {
          address: {
            recipient: `Customer ${invoice.customerId ?? 'guest'}`,
            line: `Invoice ${invoice.invoiceNo}`,
            country: invoice.country,
          },
        }),
  };
}

/** Presses pay, waits for the channel to be ready, and pays there. Both are safe to repeat. */
async function payOne(payOrderId: string, cast: Cast, signal: AbortSignal): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const attempt = await patiently(signal, () =>
      cast.shop.call(payAnswer, `/v1/pay-orders/${payOrderId}/pay`, {
        method: 'POST',
        body: { channel: 'sandbox' },
        signal,
      }),
    );
    const { code } = attempt.status;
    if (code === 'P8') return attempt.paymentId;
    if (code === 'P7') {
      await atTheCounter(attempt.paymentId, cast.channel, signal);
      return attempt.paymentId;
    }
    if (tries >= 120)
      throw new ApiError(504, 'pay_stuck', 'Paying takes too long', `pay order ${payOrderId} stands at ${code}`, null);
    await until(performance.now() + 250, signal);
  }
}

async function atTheCounter(paymentId: string, channel: Client, signal: AbortSignal): Promise<void> {
  try {
    await patiently(signal, () =>
      channel.call(anything, `/sandbox/pay/${paymentId}`, { method: 'POST', body: { result: 'paid' }, signal }),
    );
  } catch (error) {
    // Paid before, and only the answer got lost: the trade is decided, which is all that was wanted.
    if (!(error instanceof ApiError && error.code === 'wrong_state')) throw error;
  }
}

/** Repeats what may be repeated (every call here carries a key) when a server is silent or says to come back later. */
async function patiently<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      const passing =
        error instanceof Unreachable || (error instanceof ApiError && (error.status === 429 || error.status === 503));
      if (!passing || tries >= 30) throw error;
      await until(performance.now() + Math.min(2_000, 50 * 2 ** tries), signal);
    }
  }
}

/** A few at a time, in order of their start; the first failure stops the rest. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, width) }, worker));
}

async function until(atMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const ms = atMs - performance.now();
  if (ms <= 0) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      signal.removeEventListener('abort', stop);
      resolve();
    }
    function stop(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}
