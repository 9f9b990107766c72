import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import { type Refusal, refuse } from '../errors.ts';
import type { Logger } from '../log.ts';
import { newTraceId } from '../tracing.ts';
import type { App } from './app.ts';
import { problemOf } from './problem.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Logger;
  /** Fires when the process is to stop. */
  readonly signal: AbortSignal;
  /** What listens, for messages: `core`. */
  readonly name: string;
  /** Time that requests under way get to finish; default 10 s. */
  readonly drainMs?: number;
}

/** A listening server. Disposing it, or the signal, drains it; both may happen. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Settles when nothing listens and nothing is under way any more. */
  readonly stopped: Promise<void>;
}

/** Somebody else has the port. `runProcess` exits 3 with this line. */
export class PortTakenError extends Error {
  readonly exitCode = 3;
  constructor(name: string, host: string, port: number, cause: unknown) {
    super(
      `${name} cannot listen on ${host}:${port}: the port is taken. Stop what listens there (\`ss -ltnp sport = :${port}\`), or set PORT to another one.`,
      { cause },
    );
    this.name = 'PortTakenError';
  }
}

/** The machine does not let us listen there: another's address, a port for root only. `runProcess` exits 3 with this line. */
export class CannotListenError extends Error {
  readonly exitCode = 3;
  constructor(name: string, host: string, port: number, cause: NodeJS.ErrnoException) {
    super(
      `${name} cannot listen on ${host}:${port} (${cause.code}); set TIDEGATE_HOST and PORT to what this machine has`,
      {
        cause,
      },
    );
    this.name = 'CannotListenError';
  }
}

/** Why an address cannot be listened on that is no fault of ours. */
const NOT_OURS = new Set(['EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL']);

const DRAIN_MS = 10_000;

const SERVER_OPTIONS = {
  // Longer than any client of ours keeps an idle connection, so that it is the client who closes: a server that closes
  // first races with the next request and loses it.
  keepAliveTimeout: 65_000,
  headersTimeout: 15_000,
  // For the whole request; imports stream for minutes.
  requestTimeout: 300_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
} as const;

/** Twice the planning figure of 10,000 instances, each with one stream. */
const MAX_CONNECTIONS = 20_000;

/** Listens, or throws: `PortTakenError`, `CannotListenError`, or what the system says. */
export async function serve(app: App, options: ServeOptions): Promise<Served> {
  const { host, log, signal, name } = options;
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host, serverOptions: SERVER_OPTIONS }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  answerUnreadable(server, log);
  await listen(server, options);
  const address = server.address() as AddressInfo;
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  log.info({ url }, `${name} listens`);
  if (!isLoopback(address.address)) log.warn(`${name} can be reached from other machines; put TLS in front of it`);

  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= drain(app, server, options);
    return stopping;
  };
  const stopped = new Promise<void>((resolve) => {
    server.once('close', resolve);
  });
  const onAbort = (): void => void stop();
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return {
    url,
    port: address.port,
    stopped,
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', onAbort);
      await stop();
    },
  };
}

/** What Node cannot read never reaches the app; it gets the same kind of answer all the same. */
function answerUnreadable(server: Server, log: Logger): void {
  const busy = new WeakSet<Duplex>();
  server.on('request', ({ socket }, response) => {
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Into the middle of another answer it must not be written.
    if (error.code === 'ECONNRESET' || !socket.writable || busy.has(socket)) {
      socket.destroy();
      return;
    }
    const document = problemOf(unreadable(error.code), newTraceId());
    log.debug({ err: error, traceId: document.traceId }, 'a request that cannot be read');
    const body = JSON.stringify(document);
    const head = [
      `HTTP/1.1 ${document.status} ${document.title}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

function unreadable(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refuse(
        'headers_too_large',
        `Address and headers may have ${SERVER_OPTIONS.maxHeaderSize} bytes together; send less.`,
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refuse('request_timeout', 'The request was not complete in time; send it again.');
    default:
      return refuse('malformed_request', `The request cannot be read as HTTP/1.1 (${code ?? 'no code'}).`);
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function listen(server: Server, { host, port, name, log }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new PortTakenError(name, host, port, error));
      else reject(NOT_OURS.has(error.code ?? '') ? new CannotListenError(name, host, port, error) : error);
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      // Out of file descriptors, for one: it passes, and must not end the process.
      server.on('error', (error) => log.error({ err: error }, `${name} could not take a connection`));
      resolve();
    });
  });
}

/** Stops accepting, ends streams, lets requests finish, then closes what is left. */
async function drain(app: App, server: Server, { log, name, drainMs = DRAIN_MS }: ServeOptions): Promise<void> {
  app.lifecycle.drain();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // A connection that was busy when we stopped accepting becomes idle later, and would hold us until its time-out.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = setTimeout(() => {
    log.warn({ inFlight: app.lifecycle.inFlight }, `${name} gives up on requests that did not finish in ${drainMs} ms`);
    app.lifecycle.abortAll();
    server.closeAllConnections();
  }, drainMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(deadline);
  }
  log.info(`${name} stopped listening`);
}
