import { request } from 'node:http';
import { z } from '@hono/zod-openapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ok } from '../../../core/kernel/errors.ts';
import { BODY_LIMIT_BYTES } from '../../../core/kernel/http/body.ts';
import { reply } from '../../../core/kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../../core/kernel/http/route.ts';
import type { Served } from '../../../core/kernel/http/serve.ts';
import { wire } from '../../../core/kernel/http/wire.ts';
import { readReply, testApp, testServe } from '../../support/app.ts';

const router = createRouter();
router.openapi(
  route({
    method: 'post',
    path: '/v1/echo',
    access: 'open',
    request: {
      body: jsonBody(wire.object({ text: z.string(), tags: z.array(wire.object({ name: z.string() })).optional() })),
    },
    responses: { 200: json(wire.object({ text: z.string() }), 'The same') },
  }),
  async (c) => reply(c, ok({ text: `${c.req.valid('json').text}${(await c.req.text()).length}` })),
);
router.openapi(
  route({
    method: 'post',
    path: '/v1/upload',
    access: 'open',
    body: 'stream',
    responses: { 200: json(wire.object({ bytes: z.int() }), 'Its size') },
  }),
  async (c) => reply(c, ok({ bytes: (await c.req.raw.arrayBuffer()).byteLength })),
);

const target = testApp([router]);
const JSON_TYPE = { 'content-type': 'application/json' };
let served: Served;
beforeAll(async () => {
  served = await testServe(target);
});
afterAll(() => served[Symbol.asyncDispose]());

/** Both ways a body can come in: over a socket, and as a `Request` in memory. */
const ways = {
  socket: async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE) =>
    readReply(await fetch(`${served.url}/v1/echo`, { method: 'POST', headers, body })),
  memory: async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = JSON_TYPE) =>
    readReply(await target.app.request('/v1/echo', { method: 'POST', headers, body })),
};

describe.each(Object.entries(ways))('a body by %s', (_name, post) => {
  it('reaches the handler as parsed value and as text', async () => {
    const { status, body } = await post('{"text":"hi"}');
    expect({ status, body }).toEqual({ status: 200, body: { text: 'hi13' } });
  });

  it('of 2 MiB is refused', async () => {
    const { status, headers, body } = await post(JSON.stringify({ text: 'x'.repeat(2 * BODY_LIMIT_BYTES) }));
    expect(status).toBe(413);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body['code']).toBe('body_too_large');
  });

  it('of exactly the limit is taken', async () => {
    const empty = JSON.stringify({ text: '' }).length;
    expect((await post(JSON.stringify({ text: 'x'.repeat(BODY_LIMIT_BYTES - empty) }))).status).toBe(200);
    expect((await post(JSON.stringify({ text: 'x'.repeat(BODY_LIMIT_BYTES - empty + 1) }))).status).toBe(413);
  });

  it.each([
    ['{"text":\n  "a" "b"}', 'line 2, column 7'],
    ['{"text":"a"', 'line 1, column 12'],
    ['{"text":"a",}', 'line 1, column 13'],
    ["{'text':1}", 'line 1, column 2'],
    ['{"text":"a"} trailing', 'line 1, column 14'],
    ['// no\n{"text":"a"}', 'line 1, column 1'],
    [' ', 'it is empty'],
  ])('that is broken JSON says where: %j', async (text, where) => {
    const { status, body } = await post(text);
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'malformed_json' });
    expect(body['detail']).toBe(`The body is not JSON: ${where}.`);
  });

  it('nested a hundred thousand deep is refused and breaks nothing', async () => {
    expect([400, 422]).toContain((await post('['.repeat(100_000))).status);
    expect((await post(`${'['.repeat(100_000)}"\\u0000"${']'.repeat(100_000)}`)).status).toBe(422);
  });

  it('that is not UTF-8 is refused', async () => {
    const { status, body } = await post(
      new Uint8Array([...new TextEncoder().encode('{"text":"'), 0xc3, 0x28, 0x22, 0x7d]),
    );
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'malformed_text' });
  });

  it.each([
    ['a NUL', '{"text":"a\\u0000b"}', 'text'],
    ['half a surrogate pair', '{"text":"\\ud83d"}', 'text'],
    ['a NUL deep inside', '{"text":"","tags":[{"name":"\\u0000"}]}', 'tags.0.name'],
    ['a NUL in a key', '{"text":"","\\u0000":1}', ''],
  ])('with %s is refused: Postgres could not keep it', async (_what, text, path) => {
    const { status, body } = await post(text);
    expect(status).toBe(422);
    expect(body['errors']).toEqual([{ path, message: 'must not hold NUL or half a surrogate pair' }]);
  });

  it.each([
    ['{"text":"","__proto__":{"text":"x"}}', '__proto__'],
    ['{"text":"","\\u005f_proto__":1}', '__proto__'],
    ['{"text":"","tags":[{"name":"","__proto__":null}]}', 'tags.0.__proto__'],
  ])('that sets a prototype is refused: %s', async (text, path) => {
    const { status, body } = await post(text);
    expect(status).toBe(422);
    expect(body['errors']).toEqual([{ path, message: 'is not a field of this request' }]);
    expect((await post('{"text":"__proto__"}')).status).toBe(200);
  });

  it('with an escaped backslash before u0000, and with a whole surrogate pair, is taken', async () => {
    expect((await post('{"text":"\\\\u0000 \\ud83d\\ude00"}')).status).toBe(200);
  });

  it.each([{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/x-www-form-urlencoded' }])(
    'that comes as %j is refused',
    async (headers) => {
      const { status, body } = await post('{"text":"hi"}', headers);
      expect({ status, code: body['code'] }).toEqual({ status: 415, code: 'unsupported_media_type' });
    },
  );

  it.each(['application/json; charset=utf-8', 'application/cloudevents+json', 'APPLICATION/JSON'])(
    'is taken as %s',
    async (type) => {
      expect((await post('{"text":"hi"}', { 'content-type': type })).status).toBe(200);
    },
  );

  it('with unknown, missing and wrong fields names each', async () => {
    const { status, body } = await post('{"tags":[{"name":1,"extra":2}],"typo":true}');
    expect(status).toBe(422);
    expect(body['code']).toBe('invalid_request');
    expect(body['errors']).toEqual([
      { path: 'text', message: 'is missing' },
      { path: 'tags.0.name', message: 'Invalid input: expected string, received number' },
      { path: 'tags.0.extra', message: 'is not a field of this request' },
      { path: 'typo', message: 'is not a field of this request' },
    ]);
  });
});

it('a missing body where one is needed is refused, by socket and in memory', async () => {
  const bySocket = await readReply(await fetch(`${served.url}/v1/echo`, { method: 'POST' }));
  for (const { status, body } of [bySocket, await target.send('POST', '/v1/echo')]) {
    expect({ status, errors: body['errors'] }).toEqual({
      status: 422,
      errors: [{ path: 'text', message: 'is missing' }],
    });
  }
});

/** Sends chunks without a length, until the server answers. */
function chunked(path: string, chunk: Buffer, times: number): Promise<{ status: number; sent: number }> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    const call = request(`${served.url}${path}`, { method: 'POST', headers: JSON_TYPE }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, sent }));
    });
    call.on('error', reject);
    const push = (): void => {
      if (call.destroyed || call.writableEnded) return;
      if (sent >= times) return void call.end();
      sent += 1;
      call.write(chunk, push);
    };
    push();
  });
}

describe('a chunked body', () => {
  it('is bounded although it declares no length', async () => {
    expect((await chunked('/v1/echo', Buffer.alloc(64 * 1024, 0x20), 64)).status).toBe(413);
  });

  it('within the limit is taken', async () => {
    expect((await chunked('/v1/echo', Buffer.from('     '), 3)).status).toBe(400);
  });

  it('streams without a bound to a route that says so', async () => {
    expect((await chunked('/v1/upload', Buffer.alloc(64 * 1024, 0x20), 48)).status).toBe(200);
  });
});
