import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  currentTrace,
  currentTraceId,
  parseTraceparent,
  startTracing,
  traceHeaders,
  withSpan,
} from '../../core/kernel/tracing.ts';

const REMOTE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('with nobody collecting', () => {
  it('a trace is made, kept by everything inside, and gone outside', async () => {
    expect(currentTraceId()).toBeUndefined();
    expect(traceHeaders()).toEqual({});
    await withSpan('outer', {}, async (outer) => {
      expect(outer.traceId).toMatch(/^[0-9a-f]{32}$/);
      await withSpan('inner', {}, async (inner) => {
        await Promise.resolve();
        expect(inner.traceId).toBe(outer.traceId);
        expect(currentTraceId()).toBe(outer.traceId);
      });
    });
    expect(currentTraceId()).toBeUndefined();
  });

  it('two at once do not see each other', async () => {
    const ids = await Promise.all(
      [1, 2].map(() =>
        withSpan('work', {}, async () => {
          await new Promise(setImmediate);
          return currentTraceId();
        }),
      ),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it('an inbound trace goes on to the outside, with its state and its sampling', async () => {
    await withSpan('request', { kind: 'server', remote: parseTraceparent(REMOTE, 'vendor=1') }, async () => {
      const { traceparent, tracestate } = traceHeaders();
      expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
      expect(traceparent).not.toBe(REMOTE);
      expect(tracestate).toBe('vendor=1');
    });
  });

  it.each([
    undefined,
    '',
    'x',
    REMOTE.toUpperCase(),
    `${REMOTE}-extra`,
    `ff${REMOTE.slice(2)}`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `${REMOTE}${' '.repeat(300)}`,
  ])('an unfit traceparent is none: %j', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('a later version is read by its first four parts, and an overlong state is left', () => {
    expect(parseTraceparent(`01${REMOTE.slice(2)}-later`)?.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(parseTraceparent(REMOTE, 'x'.repeat(513))?.state).toBeUndefined();
  });

  it('starting and ending it costs nothing', async () => {
    await using _tracing = await startTracing('core', { otlpEndpoint: undefined });
    await withSpan('work', {}, async () => expect(currentTrace()?.span).toBeUndefined());
  });
});

interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  status: { code: number; message?: string };
  attributes: { key: string; value: Record<string, unknown> }[];
}

describe('with a collector', () => {
  const servers: { close(): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  it('spans arrive with parent, kind, attributes and failure', async () => {
    const bodies: string[] = [];
    const server = createServer(async (request: IncomingMessage, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      if (request.url === '/v1/traces') bodies.push(text);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const otlpEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

    const tracing = await startTracing('core', { otlpEndpoint });
    await withSpan('POST', { kind: 'server', remote: parseTraceparent(REMOTE), attributes: { a: 1 } }, async (span) => {
      span.rename('POST /v1/orders');
      span.set({ 'http.response.status_code': 201, skipped: undefined });
      const broken = withSpan('call channel', { kind: 'client' }, async () => {
        expect(traceHeaders()['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
        throw new Error('no answer');
      });
      await expect(broken).rejects.toThrow('no answer');
    });
    await tracing[Symbol.asyncDispose]();

    const spans = bodies.flatMap((text) => {
      const { resourceSpans } = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[] };
      return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    });
    const [client, request] = spans;
    expect(spans.map(({ name, traceId }) => ({ name, traceId }))).toEqual([
      { name: 'call channel', traceId: '0af7651916cd43dd8448eb211c80319c' },
      { name: 'POST /v1/orders', traceId: '0af7651916cd43dd8448eb211c80319c' },
    ]);
    expect(client?.parentSpanId).toBe(request?.spanId);
    expect(request?.parentSpanId).toBe('b7ad6b7169203331');
    expect({ client: client?.kind, request: request?.kind }).toEqual({ client: 3, request: 2 });
    expect(client?.status).toMatchObject({ code: 2, message: 'no answer' });
    expect(request?.attributes.map(({ key }) => key)).toEqual(['a', 'http.response.status_code']);
    expect(bodies.join('')).toContain('tidegate-core');
    await withSpan('after', {}, async () => expect(currentTrace()?.span).toBeUndefined());
  });

  it('a collector that is away delays the end by a bounded time and breaks nothing', async () => {
    const tracing = await startTracing('core', { otlpEndpoint: 'http://127.0.0.1:1' });
    await withSpan('work', {}, async () => {});
    await tracing[Symbol.asyncDispose]();
  });
});
