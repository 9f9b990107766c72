import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Premises } from './premises.ts';

/** What an order that was placed is answered with, as far as tests go on with it. */
export const placedAnswer = z.object({ payOrderId: z.string(), orders: z.array(z.object({ orderId: z.string() })) });

/** The faults of the sandbox, with how often each has struck. */
export const faultsAnswer = z.object({
  faults: z.array(
    z.object({ kind: z.string(), service: z.string(), operation: z.string().optional(), fired: z.int() }),
  ),
});

const product = z.object({ spuId: z.string(), skus: z.array(z.object({ skuId: z.string() })) });

/** Each import has a key of its own, whichever shop sends it. */
let imports = 0;

/** The shop in front of the core, as the tests play it: over HTTP, with the shop's and the merchant's tokens. */
export interface Reply {
  readonly status: number;
  // Tests read into answers of many shapes; what is not there shows as a failed expectation.
  readonly body: Record<string, unknown> & { readonly code?: string };
  readonly headers: Headers;
}

export async function http(
  url: string,
  init: { method?: string; token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const response = await fetch(url, {
    method: init.method ?? 'GET',
    headers: {
      ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...init.headers,
    },
    ...(init.body === undefined ? {} : { body: typeof init.body === 'string' ? init.body : JSON.stringify(init.body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? {} : (JSON.parse(text) as Reply['body']),
    headers: response.headers,
  };
}

export class Shop {
  readonly #premises: Pick<Premises, 'all' | 'one' | 'tokens'>;
  /** The refusals of the core that it has heard, by code. */
  readonly refusals = new Map<string, number>();

  constructor(premises: Pick<Premises, 'all' | 'one' | 'tokens'>) {
    this.#premises = premises;
  }

  async core(
    path: string,
    init: {
      method?: string;
      body?: unknown;
      headers?: Record<string, string>;
      role?: 'shop' | 'merchant';
      at?: number;
    } = {},
  ): Promise<Reply> {
    const cores = this.#premises.all('core');
    const { url } = cores[(init.at ?? 0) % cores.length] ?? this.#premises.one('core');
    const reply = await http(`${url}${path}`, { ...init, token: this.#premises.tokens[init.role ?? 'shop'] });
    const { code } = reply.body;
    if (reply.status >= 400 && code !== undefined) this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    return reply;
  }

  sandbox(path: string, init: { method?: string; body?: unknown } = {}): Promise<Reply> {
    return http(`${this.#premises.one('sandbox').url}${path}`, init);
  }

  /** Puts one of the source's samples on the shelf; returns its SKU ids. */
  async stockUp(sample: 't-shirt' | 'mobile-data', options: { stock?: number } = {}): Promise<string[]> {
    let text = await readFile(join(import.meta.dirname, '../../core/catalog/demo', `${sample}.jsonc`), 'utf8');
    if (options.stock !== undefined) text = text.replace(/"stock": \d+/g, `"stock": ${options.stock}`);
    const headers = { 'idempotency-key': `sample-${sample}-${++imports}` };
    const made = await this.core('/v1/products', { method: 'POST', body: text, role: 'merchant', headers });
    if (made.status >= 300) throw new Error(JSON.stringify(made.body));
    const { spuId, skus } = product.parse(made.body);
    for (const step of ['submit', 'approve', 'publish']) {
      const moved = await this.core(`/v1/products/${spuId}/${step}`, { method: 'POST', role: 'merchant' });
      if (moved.status >= 300) throw new Error(`${step}: ${JSON.stringify(moved.body)}`);
    }
    return skus.map((sku) => sku.skuId);
  }

  order(body: Record<string, unknown>, key: string, at = 0): Promise<Reply> {
    return this.core('/v1/orders', { method: 'POST', body, headers: { 'idempotency-key': key }, at });
  }

  pay(payOrderId: string, at = 0): Promise<Reply> {
    return this.core(`/v1/pay-orders/${payOrderId}/pay`, { method: 'POST', body: { channel: 'sandbox' }, at });
  }
}

export const ADDRESS = { recipient: '张三', phone: '13800000000', line: '人民路 1 号', city: '上海', country: 'CN' };
