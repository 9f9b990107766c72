import { z } from '@hono/zod-openapi';
import { wire } from '../kernel/http/wire.ts';
import { type Random, seededRandom } from '../kernel/random.ts';

/** What each service can be asked for; `callback` is what it sends by itself. */
export const OPERATIONS = {
  channel: ['init', 'query', 'close', 'refund', 'refundQuery', 'callback'],
  marketing: ['deduct', 'query', 'rollback'],
  fulfilment: ['init', 'query', 'cancel', 'returnInit', 'returnQuery', 'callback'],
  hotel: ['lock', 'query', 'release'],
} as const;

export type Service = keyof typeof OPERATIONS;
export type Operation = (typeof OPERATIONS)[Service][number];

export const CHANNELS = ['sandbox', 'sandbox-b'] as const;

const EVERYTHING: readonly Operation[] = [...new Set(Object.values(OPERATIONS).flat())];

/** Every kind of fault: where it can strike, and the milliseconds it draws from when it is not told. */
const KINDS = {
  /** The service is down: the connection dies or 503, half and half; nothing was done. */
  outage: { at: EVERYTHING },
  /** The connection dies before anything was done. */
  request_lost: { at: EVERYTHING },
  /** The work was done and committed; then the connection dies. */
  reply_lost: { at: EVERYTHING },
  delay: { at: EVERYTHING, ms: [0, 500] },
  /** Held back until a query for its key was answered, or for that long at most, and only then carried out. */
  delayed_past_next_query: { at: ['init', 'refund', 'deduct', 'lock', 'returnInit'], ms: [3_000, 3_000] },
  /** The query says `none` of what is there. */
  not_found_then_found: { at: ['query', 'refundQuery', 'returnQuery'] },
  /** An explicit no: kept, so that the same key is refused again. Of `close`, `cancel` and `release`: not this time. */
  refused: { at: ['init', 'refund', 'deduct', 'lock', 'returnInit', 'close', 'cancel', 'release'] },
  /** One minor unit more than the truth. */
  wrong_amount: { at: ['query', 'refund', 'refundQuery', 'callback'], only: 'channel' },
  /** The same message twice. */
  duplicate_callback: { at: ['callback'] },
  /** The message is held back, so that a later one comes first; of a parcel, old news follows the new. */
  reordered_callback: { at: ['callback'], ms: [300, 1_500] },
  /** The word that it is paid (paid back, delivered), which is so, comes before the answer to the request itself. */
  early_callback: { at: ['init', 'refund', 'returnInit'] },
  /** Somebody without the secret says that it is paid (paid back, delivered). */
  forged_callback: { at: ['init', 'refund', 'returnInit'] },
} as const satisfies Record<string, KindSpec>;

interface KindSpec {
  readonly at: readonly Operation[];
  readonly ms?: readonly [number, number];
  readonly only?: Service;
}

export type FaultKind = keyof typeof KINDS;
export const FAULT_KINDS = Object.keys(KINDS) as [FaultKind, ...FaultKind[]];

/** Below the app's request time-out, so that a delay ends in an answer. */
const MAX_MS = 30_000;
const MAX_FAULTS = 100;

const faultSchema = wire
  .object({
    service: z.enum(['channel', 'marketing', 'fulfilment', 'hotel']),
    /** Only this payment channel. */
    channel: z.enum(CHANNELS).optional(),
    /** Only this operation; without it, every one that the kind can strike. */
    operation: z.enum(EVERYTHING as [Operation, ...Operation[]]).optional(),
    kind: z.enum(FAULT_KINDS),
    probability: z.number().min(0).max(1).default(1),
    /** How often it may strike at most. */
    count: z.int().min(1).max(1_000_000).optional(),
    from: wire.time.optional(),
    until: wire.time.optional(),
    minMs: z.int().min(0).max(MAX_MS).optional(),
    maxMs: z.int().min(0).max(MAX_MS).optional(),
  })
  .superRefine((fault, issue) => {
    const refuse = (path: string, message: string): void => issue.addIssue({ code: 'custom', path: [path], message });
    const spec: KindSpec = KINDS[fault.kind];
    const own: readonly Operation[] = OPERATIONS[fault.service];
    const fitting = own.filter((operation) => spec.at.includes(operation));
    if (fault.channel !== undefined && fault.service !== 'channel') refuse('channel', 'goes with the service channel');
    if (fitting.length === 0 || (spec.only !== undefined && spec.only !== fault.service)) {
      refuse('kind', `cannot strike the service ${fault.service}`);
    } else if (fault.operation !== undefined && !fitting.includes(fault.operation) && !isMessage(fault)) {
      refuse('operation', `${fault.kind} of ${fault.service} strikes ${fitting.join(', ')}`);
    }
    if (fault.from !== undefined && fault.until !== undefined && fault.from >= fault.until) {
      refuse('until', 'must be after from');
    }
    const [min, max] = rangeOf(fault);
    if (min > max) refuse('minMs', `must not be above maxMs (${max})`);
  });

/** `{kind: 'early_callback', operation: 'callback'}` reads naturally and means the same as without the operation. */
function isMessage(fault: { readonly kind: FaultKind; readonly operation?: Operation | undefined }): boolean {
  return fault.operation === 'callback' && fault.kind.endsWith('_callback');
}

export const faultPlanSchema = wire.object({
  seed: z.int().min(0).max(0xffffffff).default(1),
  faults: z.array(faultSchema).max(MAX_FAULTS),
});

export type Fault = z.infer<typeof faultSchema>;
export type FaultPlan = z.infer<typeof faultPlanSchema>;

export const storedFaultSchema: z.ZodType<Fault> = faultSchema;

export const faultReportSchema = z.object({
  seed: z.int(),
  faults: z.array(faultSchema.safeExtend({ fired: z.int() })),
});

/** Where a fault may strike. */
export interface Where {
  readonly service: Service;
  readonly channel?: string;
  readonly operation: Operation;
}

export function strikesAt(fault: Fault, kind: FaultKind, where: Where, now: Date): boolean {
  if (fault.kind !== kind || fault.service !== where.service) return false;
  if (fault.channel !== undefined && fault.channel !== where.channel) return false;
  if (fault.operation !== undefined && fault.operation !== where.operation && !isMessage(fault)) return false;
  const spec: KindSpec = KINDS[kind];
  if (!spec.at.includes(where.operation)) return false;
  if (fault.from !== undefined && now < new Date(fault.from)) return false;
  return fault.until === undefined || now < new Date(fault.until);
}

function rangeOf(fault: Pick<Fault, 'kind' | 'minMs' | 'maxMs'>): readonly [number, number] {
  const spec: KindSpec = KINDS[fault.kind];
  const [min, max] = spec.ms ?? [0, 0];
  return [fault.minMs ?? Math.min(min, fault.maxMs ?? min), fault.maxMs ?? Math.max(max, fault.minMs ?? max)];
}

/** The milliseconds that a strike of this fault takes. */
export function drawMs(fault: Fault, random: Random): number {
  const [min, max] = rangeOf(fault);
  return min + random.int(max - min + 1);
}

/**
 * Each fault draws from a stream of its own, so that one fault's dice do not depend on what else is configured. What it
 * has fired before is mixed in: a restart goes on instead of repeating itself.
 */
export function diceOf(seed: number, position: number, fired: number): Random {
  return seededRandom(seed ^ Math.imul(position + 1, 0x9e3779b1) ^ Math.imul(fired, 0x85ebca6b));
}
