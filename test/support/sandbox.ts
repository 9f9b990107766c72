import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpFulfilment } from '../../core/fulfilment/fulfilment.http.ts';
import type { FulfilmentPort } from '../../core/fulfilment/fulfilment.port.ts';
import { httpHotel } from '../../core/hotel/hotel.http.ts';
import type { HotelPort } from '../../core/hotel/hotel.port.ts';
import { loadConfig, requireServer } from '../../core/kernel/config.ts';
import { Outside } from '../../core/kernel/http/outside.ts';
import { type Served, serve } from '../../core/kernel/http/serve.ts';
import { httpMarketing } from '../../core/marketing/marketing.http.ts';
import type { MarketingPort } from '../../core/marketing/marketing.port.ts';
import type { PaymentChannel } from '../../core/payments/channel.port.ts';
import { loadChannels } from '../../core/payments/channels.ts';
import { openSandbox } from '../../core/sandbox/app.ts';
import { silent, type TestDatabase, testDatabase } from './database.ts';
import { http, type Reply } from './shop.ts';

export const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret that only this test run knows').toString('base64')}`;

/** One callback as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

/** The core's ear, as far as the sandbox knows it: keeps what it hears, and answers as it is told. */
export class Ear implements AsyncDisposable {
  readonly received: Received[] = [];
  /** What it answers to the next message; `hang up` closes the connection instead. */
  answer: (received: Received) => number | 'hang up' = () => 200;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(port = 0): Promise<Ear> {
    const server = createServer();
    const ear = new Ear(server);
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
        const body = JSON.parse(text) as Record<string, unknown>;
        const received = { path: request.url ?? '', headers, text, body };
        ear.received.push(received);
        const answer = ear.answer(received);
        if (answer === 'hang up') response.destroy();
        else response.writeHead(answer).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return ear;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The types of what was heard about one thing, in order. */
  about(id: string): string[] {
    return this.received.filter(({ text }) => text.includes(`"${id}"`)).map(({ body }) => String(body['type']));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The ways to the sandbox that the core uses. */
export interface Ways {
  readonly channel: PaymentChannel;
  readonly channelB: PaymentChannel;
  readonly marketing: MarketingPort;
  readonly fulfilment: FulfilmentPort;
  readonly hotel: HotelPort;
}

export async function waysTo(baseUrl: string, notifyBase: string, outside: Outside, timeoutMs = 3_000): Promise<Ways> {
  const reach = { baseUrl, notifyBase, outside, timeoutMs };
  const channels = await loadChannels({ ...reach, merchantId: 'tidegate' });
  const channel = channels.get('sandbox');
  const channelB = channels.get('sandbox-b');
  if (channel === undefined || channelB === undefined) throw new Error('both channels must be there');
  return {
    channel,
    channelB,
    marketing: httpMarketing(reach),
    fulfilment: httpFulfilment(reach),
    hotel: httpHotel(reach),
  };
}

export interface TestSandbox extends AsyncDisposable, Ways {
  readonly url: string;
  readonly ear: Ear;
  readonly database: TestDatabase;
  /** Sends to `/sandbox/…` and the services, as anybody may. */
  send(method: string, path: string, body?: unknown): Promise<Reply>;
  /** Puts faults, each with probability 1 unless it says otherwise. */
  fault(...faults: Record<string, unknown>[]): Promise<void>;
  effects(): Promise<Reply['body']>;
  /** A second process over the same database, as after a restart. */
  again(): Promise<Served & AsyncDisposable>;
}

/** The sandbox in this process, on a free port, over a database of its own, and an ear for its callbacks. */
export async function testSandbox(options: { timeoutMs?: number } = {}): Promise<TestSandbox> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await testDatabase({ poolSize: 2 }));
  const ear = stack.use(await Ear.open());
  const outside = stack.use(new Outside());
  const served = stack.use(await open(database));
  const ways = await waysTo(served.url, ear.url, outside, options.timeoutMs);
  const send: TestSandbox['send'] = (method, path, body) =>
    http(`${served.url}${path}`, { method, ...(body === undefined ? {} : { body }) });
  const owned = stack.move();
  return {
    ...ways,
    url: served.url,
    ear,
    database,
    send,
    fault: async (...faults) => {
      const put = await send('PUT', '/sandbox/faults', { faults });
      if (put.status !== 200) throw new Error(JSON.stringify(put.body));
    },
    effects: async () => (await send('GET', '/sandbox/effects')).body,
    again: () => open(database),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function open(database: TestDatabase): Promise<Served & AsyncDisposable> {
  const env = { DATABASE_URL: database.appUrl, TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET, PORT: '0' };
  const config = loadConfig('sandbox', env);
  requireServer(config);
  await using stack = new AsyncDisposableStack();
  const sandbox = stack.use(await openSandbox(config, silent));
  const { signal } = new AbortController();
  const served = stack.use(
    await serve(sandbox.app, { host: '127.0.0.1', port: 0, log: silent, signal, name: 'sandbox', drainMs: 1_000 }),
  );
  const owned = stack.move();
  return { ...served, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

let counter = 0;

/** A key that no other test of this file uses. */
export function fresh(prefix: string): string {
  counter += 1;
  return `${prefix}_${counter}`;
}

export function aTrade(tradeNo = fresh('pay')): Parameters<PaymentChannel['init']>[0] {
  return { tradeNo, amount: 7_900, currency: 'CNY', userId: 12345, description: 'T-shirt' };
}

export function aParcel(shipmentId = fresh('shp')): Parameters<FulfilmentPort['init']>[0] {
  return {
    shipmentId,
    orderId: '1700000000001345001',
    goodsKind: 'physical',
    address: { city: '上海' },
    lines: [{ skuId: '100001', name: 'T-shirt', quantity: 2 }],
  };
}

export function aDeduction(resource = fresh('coupon'), attemptId = fresh('pay')) {
  return { attemptId, kind: 'coupon', resource, userId: 12345, amount: 500, currency: 'CNY' } as const;
}

export const never = new AbortController().signal;
