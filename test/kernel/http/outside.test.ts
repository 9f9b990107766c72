import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Outside, type OutsideCall } from '../../../core/kernel/http/outside.ts';
import { createMetrics } from '../../../core/kernel/metrics.ts';
import { withSpan } from '../../../core/kernel/tracing.ts';

const cleanup: Disposable[] = [];
afterEach(() => {
  for (const one of cleanup.splice(0)) one[Symbol.dispose]();
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function http(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  cleanup.push({
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return listening(server);
}

/** A server that answers with bytes of ours, whatever they are. */
async function tcp(onRequest: (socket: Socket, count: number) => void): Promise<string> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      count += 1;
      onRequest(socket, count);
    });
  });
  cleanup.push({
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return listening(server);
}

function ask(call: OutsideCall, options = {}) {
  const outside = new Outside(options);
  cleanup.push(outside);
  return outside.call(call);
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

describe('an answer', () => {
  it('comes back with its status and JSON, and the request carried body, key and trace', async () => {
    const url = await http(async (request, response) => {
      const { traceparent, 'idempotency-key': key, 'content-type': type } = request.headers;
      response.end(JSON.stringify({ text: await textOf(request), traceparent, key, type, method: request.method }));
    });
    const { traceId, outcome } = await withSpan('test', {}, async (span) => ({
      traceId: span.traceId,
      outcome: await ask({ url: `${url}/pay`, method: 'POST', body: { amount: 1, note: 'é' }, idempotencyKey: 'k1' }),
    }));
    expect(outcome).toEqual({
      kind: 'answer',
      status: 200,
      body: {
        text: '{"amount":1,"note":"é"}',
        traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`)),
        key: 'k1',
        type: 'application/json',
        method: 'POST',
      },
    });
  });

  it.each([
    [204, '', null],
    [404, '{"code":"no_such_trade"}', { code: 'no_such_trade' }],
    [409, '', null],
    [429, '{}', {}],
  ])('of %i is an answer', async (status, text, body) => {
    const url = await http((_request, response) => response.writeHead(status).end(text));
    expect(await ask({ url })).toEqual({ kind: 'answer', status, body });
  });

  it('reuses connections', async () => {
    const ports = new Set<number | undefined>();
    const url = await http((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    });
    const outside = new Outside();
    cleanup.push(outside);
    for (let i = 0; i < 5; i += 1) await outside.call({ url });
    expect(ports.size).toBe(1);
  });
});

const okHead = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';

describe('unknown, and never a failure, is', () => {
  it.each([500, 502, 503, 504])('an answer of %i', async (status) => {
    const url = await http((_request, response) => response.writeHead(status).end('{"error":"no"}'));
    expect(await ask({ url, method: 'POST', body: {} })).toMatchObject({ kind: 'unknown', reason: 'server_error' });
  });

  it('a redirect', async () => {
    const url = await http((_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end());
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'redirect' });
  });

  it('silence', async () => {
    const url = await http(() => {});
    expect(await ask({ url, timeoutMs: 30 })).toMatchObject({ kind: 'unknown', reason: 'timeout' });
  });

  it('a body that stops halfway and stays open', async () => {
    const url = await tcp((socket) => socket.write(`${okHead}Content-Length: 100\r\n\r\n{"a":`));
    expect(await ask({ url, timeoutMs: 30 })).toMatchObject({ kind: 'unknown', reason: 'timeout' });
  });

  it('a reset before the answer', async () => {
    const url = await tcp((socket) => socket.resetAndDestroy());
    expect(await ask({ url, method: 'POST', body: {} })).toMatchObject({ kind: 'unknown', reason: 'reset' });
  });

  it('a connection closed before the answer', async () => {
    const url = await tcp((socket) => socket.end());
    expect(await ask({ url, method: 'POST', body: {} })).toMatchObject({ kind: 'unknown', reason: 'reset' });
  });

  it('a body shorter than declared', async () => {
    const url = await tcp((socket) => socket.end(`${okHead}Content-Length: 100\r\n\r\n{"a":1}`));
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'torn' });
  });

  it('a body of no declared length that is cut', async () => {
    const url = await tcp((socket) => socket.end(`${okHead}Connection: close\r\n\r\n{"a":`));
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'torn' });
  });

  it.each(['<html>', '{"a":1}}', ' '])('a body that is not JSON: %j', async (text) => {
    const url = await http((_request, response) => response.end(text));
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'torn' });
  });

  it('what is not HTTP', async () => {
    const url = await tcp((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'reset' });
  });

  it('an answer of more than 1 MiB, of which no more is read', async () => {
    const url = await http((_request, response) => response.end(`"${'x'.repeat(2 * 1024 * 1024)}"`));
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'too_large' });
  });

  it('nobody there', async () => {
    const url = await http(() => {});
    for (const one of cleanup.splice(0)) one[Symbol.dispose]();
    expect(await ask({ url })).toMatchObject({ kind: 'unknown', reason: 'refused' });
  });

  it('a call given up, before or while it is under way', async () => {
    let calls = 0;
    const arrived = Promise.withResolvers<void>();
    const url = await http(() => {
      calls += 1;
      arrived.resolve();
    });
    expect(await ask({ url, signal: AbortSignal.abort() })).toMatchObject({ kind: 'unknown', reason: 'aborted' });
    expect(calls).toBe(0);
    const stop = new AbortController();
    const call = ask({ url, signal: stop.signal });
    await arrived.promise;
    stop.abort();
    expect(await call).toMatchObject({ kind: 'unknown', reason: 'aborted' });
  });
});

describe('a kept connection that died while idle', () => {
  const answer = `${okHead}Content-Length: 2\r\n\r\n{}`;

  it.each([
    ['a read', {}, 'answer', 3],
    ['a write with an idempotency key', { method: 'POST', body: {}, idempotencyKey: 'k' }, 'answer', 3],
    ['a write without one', { method: 'POST', body: {} }, 'unknown', 2],
  ] as const)('%s', async (_what, call, kind, requests) => {
    let served = 0;
    // The second request finds the connection of the first dead, as when a server's idle time-out fires first.
    const url = await tcp((socket, count) => {
      served = count;
      if (count === 2) socket.resetAndDestroy();
      else socket.write(answer);
    });
    const outside = new Outside();
    cleanup.push(outside);
    expect((await outside.call({ url })).kind).toBe('answer');
    expect((await outside.call({ url, ...call })).kind).toBe(kind);
    expect(served).toBe(requests);
  });
});

it('calls are counted by target and outcome', async () => {
  const metrics = createMetrics('test');
  const url = await http((_request, response) => response.writeHead(404).end('{}'));
  await ask({ url, target: 'channel' }, { metrics });
  expect(await metrics.registry.metrics()).toContain(
    'tidegate_outside_call_duration_seconds_count{target="channel",outcome="4xx"} 1',
  );
});
