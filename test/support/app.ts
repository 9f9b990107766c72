import type { OpenAPIHono } from '@hono/zod-openapi';
import type { App, AppDeps } from '../../core/kernel/http/app.ts';
import type { AppEnv } from '../../core/kernel/http/context.ts';
import { createApp } from '../../core/kernel/http/create-app.ts';
import { type Served, type ServeOptions, serve } from '../../core/kernel/http/serve.ts';
import { createLogger, type Logger } from '../../core/kernel/log.ts';
import { createMetrics, type Metrics } from '../../core/kernel/metrics.ts';

/** A logger that keeps its lines instead of writing them. */
export function collectingLog(level: 'debug' | 'info' = 'info'): {
  log: Logger;
  lines: string[];
  records: () => Record<string, unknown>[];
} {
  const lines: string[] = [];
  const log = createLogger('test', { logLevel: level, instance: 'test-1' }, { write: (line) => void lines.push(line) });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

export interface TestApp {
  readonly app: App;
  readonly log: Logger;
  readonly lines: string[];
  readonly metrics: Metrics;
  /** Sends JSON and reads whatever comes back. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** An app with the routers given mounted on it, to be asked in memory. */
export function testApp(routers: readonly OpenAPIHono<AppEnv>[], deps: Partial<AppDeps> = {}): TestApp {
  const { log, lines } = collectingLog();
  const metrics = createMetrics('test');
  const app = createApp({ process: 'test', log, metrics, title: 'Test', version: '1', ...deps });
  for (const router of routers) app.route('/', router);
  const send: TestApp['send'] = async (method, path, body, headers = {}) => {
    const json =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
    return readReply(await app.request(path, { method, headers, ...json }));
  };
  return { app, log, lines, metrics, send };
}

export async function readReply(response: Response): Promise<Reply> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const body: unknown = type.includes('json') ? JSON.parse(text) : { text };
  return { status: response.status, headers: response.headers, body: body as Record<string, unknown> };
}

/** The app on a free port of this machine. */
export function testServe({ app, log }: TestApp, options: Partial<ServeOptions> = {}): Promise<Served> {
  return serve(app, {
    host: '127.0.0.1',
    port: 0,
    log,
    signal: new AbortController().signal,
    name: 'test',
    ...options,
  });
}
