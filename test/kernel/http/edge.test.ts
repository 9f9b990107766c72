import { z } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import { CommitUnknown, DatabaseUnavailable } from '../../../core/kernel/db/failures.ts';
import { ERRORS, type ErrorCode, ok, RefusalError, refuse } from '../../../core/kernel/errors.ts';
import { signalOf } from '../../../core/kernel/http/context.ts';
import { reply } from '../../../core/kernel/http/problem.ts';
import { createRouter, json, route } from '../../../core/kernel/http/route.ts';
import { etagOf, versionOf, wire } from '../../../core/kernel/http/wire.ts';
import { untilAborted } from '../../../core/kernel/process.ts';
import { currentTraceId } from '../../../core/kernel/tracing.ts';
import { testApp } from '../../support/app.ts';

const nothing = { 200: json(wire.object({}), 'Nothing') };
const router = createRouter();
const seen: { traceId: string | undefined; aborted: boolean[] } = { traceId: undefined, aborted: [] };

router.openapi(
  route({
    method: 'get',
    path: '/v1/things/{id}',
    access: 'open',
    request: { params: wire.object({ id: z.string() }), query: wire.page },
    responses: { 200: json(wire.object({ id: z.string(), limit: z.int() }), 'A thing') },
  }),
  async (c) => {
    seen.traceId = currentTraceId();
    return reply(c, ok({ id: c.req.valid('param').id, limit: c.req.valid('query').limit }));
  },
);
router.openapi(
  route({
    method: 'put',
    path: '/v1/things/{id}',
    access: 'open',
    request: {
      params: wire.object({ id: z.string() }),
      headers: wire.ifMatchHeaders.extend(wire.idempotencyHeaders.shape),
    },
    responses: { 200: json(wire.object({ version: z.int() }), 'A thing') },
  }),
  async (c) => {
    const version = versionOf(c.req.valid('header')['if-match']) + 1;
    c.header('ETag', etagOf(version));
    return reply(c, ok({ version }));
  },
);
router.openapi(
  route({ method: 'get', path: '/v1/slow', access: 'open', timeoutMs: 30, responses: nothing }),
  async (c) => {
    const signal = signalOf(c);
    await untilAborted(signal);
    seen.aborted.push(signal.aborted);
    return reply(c, ok({}));
  },
);
const THROWN: Record<string, () => unknown> = {
  bug: () => new TypeError('secret internals at /srv/tidegate/x.ts'),
  refusal: () => new RefusalError(refuse('sold_out', 'None left.')),
  database: () => new Error('could not read', { cause: new DatabaseUnavailable('down', new Error('ECONNREFUSED')) }),
  commit: () => new CommitUnknown(new Error('gone')),
};
router.openapi(
  route({
    method: 'get',
    path: '/v1/throws/{what}',
    access: 'open',
    request: { params: wire.object({ what: z.string() }) },
    responses: nothing,
  }),
  async (c) => {
    throw THROWN[c.req.valid('param').what]?.();
  },
);
router.openapi(
  route({
    method: 'get',
    path: '/v1/refuses/{code}',
    access: 'open',
    request: { params: wire.object({ code: z.string() }) },
    responses: nothing,
  }),
  async (c) => {
    const code = c.req.valid('param').code as ErrorCode;
    return reply(c, refuse(code, 'Because.', { meta: { retryAfterMs: 2500, rule: 'r1', status: 200, code: 'mine' } }));
  },
);
router.get('/v1/undeclared', (c) => c.text('anybody may read this'));

const { send, app, lines, metrics } = testApp([router]);

describe('problems', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])('%s is answered with its status and title', async (code) => {
    const { status, headers, body } = await send('GET', `/v1/refuses/${code}`);
    expect(status).toBe(ERRORS[code].status);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('retry-after')).toBe('3');
    expect(body).toEqual({
      type: `/docs/errors#${code}`,
      title: ERRORS[code].title,
      status: ERRORS[code].status,
      detail: 'Because.',
      code,
      traceId: headers.get('x-trace-id'),
      retryAfterMs: 2500,
      rule: 'r1',
    });
  });

  it('an unknown address is 404', async () => {
    expect((await send('GET', '/v1/nothing/here')).body).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('a known address with another method is 405 and says which it takes', async () => {
    const { status, headers, body } = await send('DELETE', '/v1/things/7');
    expect({ status, code: body['code'], allow: headers.get('allow') }).toEqual({
      status: 405,
      code: 'method_not_allowed',
      allow: 'GET, HEAD, PUT, OPTIONS',
    });
    const options = await app.request('/v1/things/7', { method: 'OPTIONS' });
    expect({ status: options.status, allow: options.headers.get('allow') }).toEqual({
      status: 204,
      allow: 'GET, HEAD, PUT, OPTIONS',
    });
    expect((await app.request('/v1/things/7', { method: 'HEAD' })).status).toBe(200);
  });

  it('a throw that nobody expected is 500, tells nothing, and is in the log under the same trace id', async () => {
    const { status, body } = await send('GET', '/v1/throws/bug');
    expect({ status, code: body['code'] }).toEqual({ status: 500, code: 'internal' });
    expect(JSON.stringify(body)).not.toContain('internals');
    const line = lines.find((text) => text.includes('secret internals'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'error', traceId: body['traceId'] });
  });

  it.each([
    ['refusal', 409, 'sold_out', null],
    ['database', 503, 'unavailable', '1'],
    ['commit', 503, 'unavailable', '1'],
  ])('a thrown %s is %i', async (what, status, code, retryAfter) => {
    const answer = await send('GET', `/v1/throws/${what}`);
    expect(answer.body).toMatchObject({ status, code });
    expect(answer.headers.get('retry-after')).toBe(retryAfter);
  });

  it('a handler that takes too long is given up: the client hears of it and the handler is told', async () => {
    const { status, body } = await send('GET', '/v1/slow');
    expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'request_timeout' });
    await expect.poll(() => seen.aborted).toEqual([true]);
  });

  it('a route that does not say who may come in lets nobody in', async () => {
    const { status, body } = await send('GET', '/v1/undeclared');
    expect({ status, code: body['code'] }).toEqual({ status: 500, code: 'internal' });
    expect(lines.some((line) => line.includes('/v1/undeclared does not say who may come in'))).toBe(true);
  });
});

describe('requests', () => {
  it('unknown, repeated and unfit query fields are refused', async () => {
    expect((await send('GET', '/v1/things/7?limit=2')).body).toEqual({ id: '7', limit: 2 });
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1&limit=2',
      'other=1',
      `cursor=${'x'.repeat(1025)}`,
    ]) {
      expect((await send('GET', `/v1/things/7?${query}`)).body, query).toMatchObject({
        status: 422,
        code: 'invalid_request',
      });
    }
  });

  it('a NUL in the address is refused', async () => {
    expect((await send('GET', '/v1/things/a%00b')).body).toMatchObject({ status: 422, code: 'invalid_request' });
  });

  it('a missing Idempotency-Key or If-Match has its own code; an unfit one is a field', async () => {
    const both = { 'idempotency-key': 'k1', 'if-match': '"3"' };
    const good = await send('PUT', '/v1/things/7', undefined, both);
    expect({ body: good.body, etag: good.headers.get('etag') }).toEqual({ body: { version: 4 }, etag: '"4"' });
    expect((await send('PUT', '/v1/things/7', undefined, { 'if-match': '"3"' })).body).toMatchObject({
      status: 400,
      code: 'idempotency_key_missing',
    });
    expect((await send('PUT', '/v1/things/7', undefined, { 'idempotency-key': 'k1' })).body).toMatchObject({
      status: 428,
      code: 'if_match_missing',
    });
    expect((await send('PUT', '/v1/things/7', undefined, { ...both, 'if-match': '*' })).body).toMatchObject({
      status: 422,
      errors: [{ path: 'if-match', message: 'must be the ETag that was read, such as "7"' }],
    });
    expect((await send('PUT', '/v1/things/7', undefined, { ...both, 'idempotency-key': 'two words' })).status).toBe(
      422,
    );
  });
});

describe('ids and headers', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';

  it('continue the trace of the caller, in the answer and in the code that runs', async () => {
    const { headers } = await send('GET', '/v1/things/7', undefined, {
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    expect(headers.get('x-trace-id')).toBe(traceId);
    expect(seen.traceId).toBe(traceId);
  });

  it.each(['', 'nonsense', `ff-${traceId}-b7ad6b7169203331-01`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`])(
    'start a new trace where the inbound one is unfit: %j',
    async (traceparent) => {
      const { headers } = await send('GET', '/v1/things/7', undefined, { traceparent });
      expect(headers.get('x-trace-id')).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(headers.get('x-trace-id')).not.toBe(traceId);
    },
  );

  it('keep a sane request id and replace any other', async () => {
    expect((await send('GET', '/healthz', undefined, { 'x-request-id': 'abc-1' })).headers.get('x-request-id')).toBe(
      'abc-1',
    );
    for (const unfit of ['a b', 'x'.repeat(129), '<script>']) {
      expect((await send('GET', '/healthz', undefined, { 'x-request-id': unfit })).headers.get('x-request-id')).toMatch(
        /^[\w-]{16}$/,
      );
    }
  });

  it('forbid sniffing, framing and caching', async () => {
    const { headers } = await send('GET', '/v1/things/7');
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  });
});

describe('what every process has', () => {
  it('/metrics counts by route template and known method, never by address', async () => {
    await app.request('/v1/things/4711');
    await app.request('/v1/things/4712', { method: 'BREW' });
    await app.request('/no/such/4713');
    const text = await metrics.registry.metrics();
    expect(text).toContain(
      'tidegate_http_request_duration_seconds_count{process="test",route="/v1/things/:id",method="GET",status="200"}',
    );
    expect(text).toContain('route="unknown",method="other",status="405"');
    expect(text).not.toMatch(/471[123]/);
    expect((await send('GET', '/metrics')).headers.get('content-type')).toContain('text/plain; version=0.0.4');
  });

  it('/readyz names what is not ready and tells no more', async () => {
    const hung = new Promise<void>(() => {});
    const bad = testApp([], {
      ready: {
        database: async () => {
          throw new Error('password=hunter2');
        },
        disk: async () => {},
        snapshot: () => hung,
      },
    });
    const { status, body } = await bad.send('GET', '/readyz');
    expect({ status, body }).toEqual({ status: 503, body: { status: 'not ready', failing: ['database', 'snapshot'] } });
    expect((await send('GET', '/readyz')).body).toEqual({ status: 'ready' });
    expect((await bad.send('GET', '/healthz')).status).toBe(200);
  });

  it('/openapi.json is OpenAPI 3.1 with every declared route and the problem answer', async () => {
    const { body } = await send('GET', '/openapi.json');
    expect(body).toMatchObject({ openapi: '3.1.0', info: { title: 'Test', version: '1' } });
    const paths = body['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
    expect(Object.keys(paths).sort()).toEqual([
      '/v1/refuses/{code}',
      '/v1/slow',
      '/v1/things/{id}',
      '/v1/throws/{what}',
    ]);
    expect(Object.keys(paths['/v1/things/{id}']?.['get']?.responses ?? {})).toEqual(['200', 'default']);
    expect(JSON.stringify(body)).toContain(
      '"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}',
    );
  });

  it('/docs needs nothing from the internet', async () => {
    const page = String((await send('GET', '/docs')).body['text']);
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      const answer = await app.request(link);
      expect(answer.status).toBe(200);
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(50);
    }
    expect((await send('GET', '/docs/files/package.json')).status).toBe(404);
    expect((await send('GET', '/docs/files/..%2fpackage.json')).status).toBe(404);
    for (const code of Object.keys(ERRORS))
      expect(String((await send('GET', '/docs/errors')).body['text'])).toContain(`id="${code}"`);
  });
});
