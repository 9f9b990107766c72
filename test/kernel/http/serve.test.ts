import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { z } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import { ok } from '../../../core/kernel/errors.ts';
import { signalOf } from '../../../core/kernel/http/context.ts';
import { reply } from '../../../core/kernel/http/problem.ts';
import { createRouter, json, route } from '../../../core/kernel/http/route.ts';
import { PortTakenError } from '../../../core/kernel/http/serve.ts';
import { wire } from '../../../core/kernel/http/wire.ts';
import { testApp, testServe } from '../../support/app.ts';

const body = wire.object({ done: z.boolean() });

/** A route that is entered, and answers when it is let go or given up. */
function gated(method: 'get' | 'post' = 'get') {
  const entered = Promise.withResolvers<AbortSignal>();
  const letGo = Promise.withResolvers<void>();
  const router = createRouter();
  router.openapi(
    route({ method, path: '/v1/gated', access: 'open', responses: { 200: json(body, 'Done') } }),
    async (c) => {
      const signal = signalOf(c);
      entered.resolve(signal);
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([letGo.promise, aborted]);
      return reply(c, ok({ done: !signal.aborted }));
    },
  );
  return { router, entered: entered.promise, letGo: () => letGo.resolve() };
}

describe('stopping', () => {
  it('finishes what is under way, refuses new connections, and says so on /readyz meanwhile', async () => {
    const { router, entered, letGo } = gated();
    const target = testApp([router]);
    const stop = new AbortController();
    const served = await testServe(target, { signal: stop.signal });
    const answer = fetch(`${served.url}/v1/gated`);
    await entered;
    stop.abort();
    expect((await target.send('GET', '/readyz')).body).toEqual({ status: 'stopping' });
    await expect(fetch(`${served.url}/healthz`)).rejects.toThrow('fetch failed');
    letGo();
    expect(await (await answer).json()).toEqual({ done: true });
    await served.stopped;
  });

  it('closes kept connections that are idle', async () => {
    const served = await testServe(testApp([]));
    const agent = new Agent({ keepAlive: true });
    const [response] = await once(request(`${served.url}/healthz`, { agent }).end(), 'response');
    response.resume();
    await once(response, 'end');
    await served[Symbol.asyncDispose]();
    agent.destroy();
    await expect(fetch(`${served.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('gives up on what does not finish in time, and tells its handler', async () => {
    const { router, entered } = gated('post');
    const target = testApp([router]);
    const served = await testServe(target, { drainMs: 20 });
    const answer = fetch(`${served.url}/v1/gated`, { method: 'POST' }).catch((error: Error) => error.message);
    const signal = await entered;
    await served[Symbol.asyncDispose]();
    await answer;
    expect(String(signal.reason)).toContain('The process stopped before this was done');
    expect(target.lines.some((line) => line.includes('gives up on requests'))).toBe(true);
  });

  it('may be asked for twice, and by a signal that fired before', async () => {
    const served = await testServe(testApp([]), { signal: AbortSignal.abort() });
    await Promise.all([served.stopped, served[Symbol.asyncDispose](), served[Symbol.asyncDispose]()]);
    await expect(fetch(`${served.url}/healthz`)).rejects.toThrow('fetch failed');
  });
});

describe('a client that hangs up', () => {
  it('ends the read it asked for; that is no error of ours', async () => {
    const { router, entered } = gated();
    const target = testApp([router]);
    await using served = await testServe(target);
    const hangUp = new AbortController();
    const call = fetch(`${served.url}/v1/gated`, { signal: hangUp.signal }).catch(() => 'gone');
    const signal = await entered;
    hangUp.abort();
    expect(await call).toBe('gone');
    await expect.poll(() => signal.aborted).toBe(true);
    await expect.poll(() => target.metrics.registry.metrics()).toContain('route="/v1/gated",method="GET",status="499"');
    expect(target.lines.some((line) => line.includes('request failed'))).toBe(false);
  });

  it('does not end the write it asked for', async () => {
    const { router, entered, letGo } = gated('post');
    const target = testApp([router]);
    await using served = await testServe(target);
    const socket = connect(served.port, '127.0.0.1');
    socket.write('POST /v1/gated HTTP/1.1\r\nHost: x\r\n\r\n');
    const signal = await entered;
    socket.destroy();
    await once(socket, 'close');
    letGo();
    await expect
      .poll(() => target.metrics.registry.metrics())
      .toContain('route="/v1/gated",method="POST",status="200"');
    expect(signal.aborted).toBe(false);
  });
});

describe('listening', () => {
  it('on a port that is taken says which, and what to do', async () => {
    await using first = await testServe(testApp([]));
    const second = testServe(testApp([]), { port: first.port, name: 'core' });
    await expect(second).rejects.toThrow(PortTakenError);
    await expect(second).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        new RegExp(`^core cannot listen on 127\\.0\\.0\\.1:${first.port}: the port is taken\\. Stop .* or set PORT`),
      ),
    });
  });

  it('beyond loopback is said in the log', async () => {
    const loopback = testApp([]);
    const everywhere = testApp([]);
    await using _one = await testServe(loopback);
    await using _two = await testServe(everywhere, { host: '0.0.0.0' });
    expect(loopback.lines.some((line) => line.includes('from other machines'))).toBe(false);
    expect(everywhere.lines.some((line) => line.includes('from other machines'))).toBe(true);
  });

  it('answers what is no HTTP with 400 and goes on', async () => {
    await using served = await testServe(testApp([]));
    const socket = connect(served.port, '127.0.0.1');
    socket.write('HELO there\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
    const tooLong = await fetch(`${served.url}/healthz`, { headers: { 'x-long': 'x'.repeat(20_000) } });
    expect(tooLong.status).toBe(431);
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
  });
});

/** What a server answers to bytes, and whether it closes then. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

describe('what cannot be read as a request', () => {
  const get = (more: string): string => `GET /healthz HTTP/1.1\r\nHost: x\r\n${more}\r\n\r\n`;
  it.each([
    ['bytes of another protocol', '\u0016\u0003\u0001 hello', 400, 'malformed_request'],
    ['an unknown method', 'FETCH / HTTP/1.1\r\n\r\n', 400, 'malformed_request'],
    ['a length that is none', get('Content-Length: ten'), 400, 'malformed_request'],
    ['a length beside chunks', get('Content-Length: 3\r\nTransfer-Encoding: chunked'), 400, 'malformed_request'],
    ['a NUL in a header', get('X-A: a\u0000b'), 400, 'malformed_request'],
    ['a huge header', get(`X-A: ${'x'.repeat(20_000)}`), 431, 'headers_too_large'],
    ['a huge address', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s is answered with a problem, and the connection is closed', async (_what, bytes, status, code) => {
    await using served = await testServe(testApp([]));
    const [head = '', document = ''] = (await answerTo(served.port, bytes)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\nContent-Type: application/problem\\+json\r\n`));
    expect(JSON.parse(document)).toMatchObject({ status, code, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
  });

  it('is not answered in the middle of another answer', async () => {
    const { router, entered, letGo } = gated();
    await using served = await testServe(testApp([router]));
    const answer = answerTo(served.port, 'GET /v1/gated HTTP/1.1\r\nHost: x\r\n\r\nnot HTTP\r\n\r\n');
    await entered;
    expect(await answer).toBe('');
    letGo();
  });
});
