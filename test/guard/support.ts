import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SwitchDeclaration } from '../../core/guard/declarations.ts';
import { createGuard, type LiveGuard } from '../../core/guard/live.ts';
import type { InstanceReport, SetMessage } from '../../core/guard/protocol.ts';
import { hashRules, type Rule } from '../../core/guard/rules.ts';
import { type Clock, systemClock } from '../../core/kernel/clock.ts';
import { createMetrics, type Metrics } from '../../core/kernel/metrics.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import { collectingLog } from '../support/app.ts';

export const ENTRY: SwitchDeclaration = {
  key: 'entry.order.create',
  kind: 'boolean',
  default: true,
  effect: 'closes',
  effectZh: '关闭',
  owner: 'orders',
  fundLoss: false,
  closes: ['order.create'],
  retryAfterMs: 30_000,
};

export const COUPONS: SwitchDeclaration = { ...ENTRY, key: 'marketing.coupons', closes: [], retryAfterMs: 0 };

export function switchRule(key: string, on: boolean): Rule {
  return { kind: 'switch', key, body: { on } };
}

export function setOf(revision: number, rules: readonly Rule[], epoch = 'history-1'): SetMessage {
  return { epoch, revision, hash: hashRules(rules), rules: [...rules] };
}

/** A folder of its own, gone when disposed. */
export async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tidegate-guard-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The other end of the line, as a test wants it: what a real control would never send can be sent, too. */
export class FakeControl implements AsyncDisposable {
  readonly reports: InstanceReport[] = [];
  readonly signedOff: string[] = [];
  connects = 0;
  /** Sent to each new stream. */
  greeting: string[] = [];
  /** What a stream is answered with instead of 200. */
  refuseWith: number | undefined;
  readonly #streams = new Set<ServerResponse>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get streams(): number {
    return this.#streams.size;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As a killed process leaves it: connections are cut, nothing listens. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    this.#streams.clear();
    await closed;
  }

  send(...frames: string[]): void {
    for (const stream of this.#streams) for (const text of frames) stream.write(text);
  }

  sendBytes(bytes: Buffer): void {
    for (const stream of this.#streams) stream.write(bytes);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/v1/rules/stream') {
      this.connects += 1;
      if (this.refuseWith !== undefined) {
        response.writeHead(this.refuseWith).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      for (const text of this.greeting) response.write(text);
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (request.url === '/v1/instances/heartbeat') this.reports.push(body as InstanceReport);
    if (request.url === '/v1/instances/sign-off') this.signedOff.push(request.headers.authorization ?? '');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ heartbeatMs: 200 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

export interface TestGuard {
  readonly guard: LiveGuard;
  readonly metrics: Metrics;
  readonly records: () => Record<string, unknown>[];
}

export async function testGuard(options: {
  dataDir: string;
  controlUrl?: string;
  token?: string;
  instance?: string;
  switches?: readonly SwitchDeclaration[];
  clock?: Clock;
}): Promise<TestGuard> {
  const { log, records } = collectingLog();
  const metrics = createMetrics('test');
  const guard = await createGuard({
    process: 'core',
    switches: options.switches ?? [ENTRY, COUPONS],
    config: {
      dataDir: options.dataDir,
      instance: options.instance ?? 'core-1',
      controlUrl: options.controlUrl ?? 'http://127.0.0.1:9',
      instanceToken: options.controlUrl === undefined ? undefined : (options.token ?? 'tg_test'),
    },
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log,
    metrics,
  });
  return { guard, metrics, records };
}
