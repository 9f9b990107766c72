import { connect } from 'node:net';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../core/kernel/access/principal.ts';
import { ok } from '../../../core/kernel/errors.ts';
import { signalOf } from '../../../core/kernel/http/context.ts';
import { type EventStream, encodeEvent, eventStream } from '../../../core/kernel/http/events.ts';
import { createRouter, route } from '../../../core/kernel/http/route.ts';
import { untilAborted } from '../../../core/kernel/process.ts';
import { testApp, testServe } from '../../support/app.ts';

/** One route that hands its stream to the test and keeps it open. */
function streaming(
  access: 'open' | readonly ['viewer'] = 'open',
  run: (stream: EventStream) => Promise<void> = (s) => untilAborted(s.signal),
) {
  const opened = Promise.withResolvers<EventStream>();
  const router = createRouter();
  router.openapi(
    route({ method: 'get', path: '/v1/events', access, timeoutMs: 50, responses: { 200: { description: 'Events' } } }),
    (c) =>
      eventStream(c, async (stream) => {
        opened.resolve(stream);
        await run(stream);
      }),
  );
  return { router, opened: opened.promise };
}

/** A plain route with the time-out of the stream, whose answer never comes. */
function waiting() {
  const router = createRouter();
  router.openapi(
    route({
      method: 'get',
      path: '/v1/waiting',
      access: 'open',
      timeoutMs: 50,
      responses: { 200: { description: '' } },
    }),
    async (c) => {
      await untilAborted(signalOf(c));
      return c.body(null, 200);
    },
  );
  return router;
}

async function readAll(response: Response): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void events.push(event) });
  const decoder = new TextDecoder();
  if (response.body !== null)
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  return events;
}

describe('a stream of events', () => {
  it('carries ids, names and JSON, and ends when its source has nothing more to say', async () => {
    const { router } = streaming('open', async (stream) => {
      stream.send({ id: '7', event: 'flip\nid: 8', data: { text: 'two\nlines' } });
      stream.send(encodeEvent({ data: [1, 2] }));
    });
    await using served = await testServe(testApp([router]));
    const response = await fetch(`${served.url}/v1/events`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(await readAll(response)).toEqual([
      { id: '7', event: 'flipid: 8', data: '{"text":"two\\nlines"}' },
      { id: undefined, event: undefined, data: '[1,2]' },
    ]);
  });

  it('outlives the request time-out, and ends when the process stops', async () => {
    const { router, opened } = streaming();
    const served = await testServe(testApp([router, waiting()]));
    const response = await fetch(`${served.url}/v1/events`);
    const stream = await opened;
    const events = readAll(response);
    // A request with the same time-out that came after it is given up meanwhile.
    expect((await fetch(`${served.url}/v1/waiting`)).status).toBe(503);
    expect(stream.send({ data: 1 })).toBe(true);
    await served[Symbol.asyncDispose]();
    expect(await events).toHaveLength(1);
    expect(stream.send({ data: 2 })).toBe(false);
  });

  it('ends with the token it was opened with', async () => {
    let end = (): void => {};
    let disposed = false;
    const auth: Authenticator = {
      authenticate: async () =>
        ok({ tokenId: 't', name: 'vera', role: 'viewer', issuedBy: 'ada', expiresAt: new Date(0) }),
      watch: (_principal, onEnd) => {
        end = onEnd;
        return {
          [Symbol.dispose]: () => {
            disposed = true;
          },
        };
      },
    };
    const { router, opened } = streaming(['viewer']);
    await using served = await testServe(testApp([router], { auth }));
    const events = readAll(await fetch(`${served.url}/v1/events`));
    const stream = await opened;
    end();
    expect(await events).toEqual([]);
    expect(String(stream.signal.reason)).toContain('the token has ended');
    expect(disposed).toBe(true);
  });

  it('tells its source that the client has gone', async () => {
    const { router, opened } = streaming();
    await using served = await testServe(testApp([router]));
    const hangUp = new AbortController();
    await fetch(`${served.url}/v1/events`, { signal: hangUp.signal });
    const stream = await opened;
    hangUp.abort();
    await expect.poll(() => stream.signal.aborted).toBe(true);
  });

  it('drops a client that reads nothing, after a bounded backlog', async () => {
    const { router, opened } = streaming();
    await using served = await testServe(testApp([router]));
    const socket = connect(served.port, '127.0.0.1');
    socket.pause();
    socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
    const stream = await opened;
    const frame = encodeEvent({ data: 'x'.repeat(64 * 1024) });
    let sent = 0;
    while (stream.send(frame) && sent < 1_000) {
      sent += 1;
      await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(1_000);
    expect(String(stream.signal.reason)).toContain('too slow');
    socket.destroy();
  });

  it('whose source breaks ends, and the process lives', async () => {
    const { router } = streaming('open', async () => {
      throw new Error('source broke');
    });
    const target = testApp([router]);
    await using served = await testServe(target);
    expect(await readAll(await fetch(`${served.url}/v1/events`))).toEqual([]);
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
    expect(target.lines.some((line) => line.includes('source broke'))).toBe(true);
  });
});
