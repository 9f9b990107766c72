import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attributes, Span as OtelSpan, Tracer } from '@opentelemetry/api';
import type { Config } from './config.ts';
import { systemRandom } from './random.ts';

/**
 * W3C trace context for everything, OpenTelemetry spans only where an endpoint is named. Our own AsyncLocalStorage is
 * the truth about "which trace is this", so that the SDK (60 packages) is not loaded when nobody collects.
 *
 * Source: https://www.w3.org/TR/trace-context/ (level 1).
 */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  readonly state: string | undefined;
  readonly span: OtelSpan | undefined;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type SpanKind = 'server' | 'client' | 'internal';

const storage = new AsyncLocalStorage<Trace>();

interface Exporting {
  readonly tracer: Tracer;
  readonly api: typeof import('@opentelemetry/api');
}
let exporting: Exporting | undefined;

/** The id of the trace this code runs in: 32 hex digits. */
export function currentTraceId(): string | undefined {
  return storage.getStore()?.traceId;
}

export function currentTrace(): Trace | undefined {
  return storage.getStore();
}

/** The headers that carry the trace to the outside; none outside a trace. */
export function traceHeaders(): Record<string, string> {
  const trace = storage.getStore();
  if (trace === undefined) return {};
  const traceparent = `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
  return trace.state === undefined ? { traceparent } : { traceparent, tracestate: trace.state };
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const MAX_STATE_CHARS = 512;

/** Reads an inbound `traceparent`; anything that does not fit the standard starts a new trace instead. */
export function parseTraceparent(header: string | undefined, state?: string): Trace | undefined {
  if (header === undefined || header.length > 200) return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  const kept = state !== undefined && state.length <= MAX_STATE_CHARS ? state : undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, state: kept, span: undefined };
}

/** For what is answered before any trace could begin. */
export function newTraceId(): string {
  return hex(16);
}

function hex(bytes: number): string {
  return Buffer.from(systemRandom.bytes(bytes)).toString('hex');
}

function child(parent: Trace | undefined, name: string, kind: SpanKind, attributes: SpanAttributes): Trace {
  if (exporting === undefined) {
    // Nobody collects: a span id of our own per request is enough to join logs; inner spans share it.
    if (parent !== undefined && kind === 'internal') return parent;
    return {
      traceId: parent?.traceId ?? hex(16),
      spanId: hex(8),
      sampled: parent?.sampled ?? false,
      state: parent?.state,
      span: undefined,
    };
  }
  const { api, tracer } = exporting;
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT, internal: api.SpanKind.INTERNAL };
  const context =
    parent === undefined
      ? api.ROOT_CONTEXT
      : api.trace.setSpanContext(api.ROOT_CONTEXT, {
          traceId: parent.traceId,
          spanId: parent.spanId,
          traceFlags: parent.sampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE,
          isRemote: parent.span === undefined,
        });
  const span = tracer.startSpan(name, { kind: kinds[kind], attributes: clean(attributes) }, context);
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, sampled: (traceFlags & 1) === 1, state: parent?.state, span };
}

function clean(attributes: SpanAttributes): Attributes {
  const kept: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) kept[key] = value;
  return kept;
}

/** What a span's body may say about it. */
export interface SpanHandle {
  readonly traceId: string;
  set(attributes: SpanAttributes): void;
  rename(name: string): void;
  /** Marks the span as failed; a throw does it by itself. */
  fail(message: string): void;
}

class Handle implements SpanHandle {
  readonly traceId: string;
  readonly #span: OtelSpan | undefined;
  constructor(trace: Trace) {
    this.traceId = trace.traceId;
    this.#span = trace.span;
  }
  set(attributes: SpanAttributes): void {
    this.#span?.setAttributes(clean(attributes));
  }
  rename(name: string): void {
    this.#span?.updateName(name);
  }
  fail(message: string): void {
    if (exporting !== undefined) this.#span?.setStatus({ code: exporting.api.SpanStatusCode.ERROR, message });
  }
}

/**
 * Runs `fn` inside a new span. `remote` is the trace a request came with; without it the span belongs to the trace that
 * runs now, and outside any trace it begins one.
 */
export async function withSpan<T>(
  name: string,
  options: { kind?: SpanKind; attributes?: SpanAttributes; remote?: Trace | undefined },
  fn: (span: SpanHandle) => Promise<T>,
): Promise<T> {
  const parent = options.remote ?? storage.getStore();
  const trace = child(parent, name, options.kind ?? 'internal', options.attributes ?? {});
  const handle = new Handle(trace);
  if (trace.span === undefined) return trace === parent ? fn(handle) : storage.run(trace, fn, handle);
  try {
    return await storage.run(trace, fn, handle);
  } catch (error) {
    if (error instanceof Error) trace.span.recordException(error);
    handle.fail(error instanceof Error ? error.message : 'threw');
    throw error;
  } finally {
    trace.span.end();
  }
}

/**
 * Starts exporting when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise costs nothing and loads nothing. Disposing it
 * sends what is still buffered, for at most 5 s.
 */
export async function startTracing(
  processName: string,
  config: Pick<Config, 'otlpEndpoint'>,
): Promise<AsyncDisposable> {
  if (config.otlpEndpoint === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const [api, { NodeSDK }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  const traceExporter = new OTLPTraceExporter({ url: `${config.otlpEndpoint.replace(/\/+$/, '')}/v1/traces` });
  const sdk = new NodeSDK({
    serviceName: `tidegate-${processName}`,
    traceExporter,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    autoDetectResources: false,
  });
  sdk.start();
  exporting = { api, tracer: api.trace.getTracer('tidegate') };
  return {
    [Symbol.asyncDispose]: async () => {
      exporting = undefined;
      await Promise.race([sdk.shutdown().catch(() => {}), unrefDelay(5_000)]);
    },
  };
}

function unrefDelay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
