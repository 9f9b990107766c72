import { z } from 'zod';
import { type Random, seededRandom } from '../kernel/random.ts';

/** What can go wrong out there. Drills and tests turn the same knobs. */
export const FAULT_KINDS = [
  'outage',
  'request_lost',
  'reply_lost',
  'delay',
  'delayed_past_next_query',
  'not_found_then_found',
  'refused',
  'wrong_amount',
  'duplicate_callback',
  'early_callback',
  'reordered_callback',
  'forged_callback',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];
export type Service = 'channel' | 'marketing' | 'fulfilment';

export const faultSchema = z
  .strictObject({
    service: z.enum(['channel', 'marketing', 'fulfilment']),
    /** Only this payment channel. */
    channel: z.string().max(50).optional(),
    /** Only this operation: init, query, close, refund, refundQuery, deduct, rollback, cancel, callback. */
    operation: z.string().max(50).optional(),
    kind: z.enum(FAULT_KINDS),
    probability: z.number().min(0).max(1),
    /** How often it may strike at most. */
    count: z.int().min(1).max(1_000_000).optional(),
    from: z.iso.datetime({ offset: true }).optional(),
    until: z.iso.datetime({ offset: true }).optional(),
    minMs: z.int().min(0).max(60_000).default(0),
    maxMs: z.int().min(0).max(60_000).default(500),
  })
  .refine((f) => f.minMs <= f.maxMs, { message: 'minMs must not be above maxMs', path: ['minMs'] });

export const faultPlanSchema = z.strictObject({
  seed: z.int().min(0).max(0xffffffff).default(1),
  faults: z.array(faultSchema).max(100),
});

export type Fault = z.infer<typeof faultSchema>;
export type FaultPlan = z.infer<typeof faultPlanSchema>;

export interface Where {
  readonly service: Service;
  readonly channel?: string;
  readonly operation: string;
}

/** Decides which faults strike a request. Seeded, so that the same requests in the same order meet the same faults. */
export class Faults {
  #plan: FaultPlan = { seed: 1, faults: [] };
  #fired: number[] = [];
  #random: Random = seededRandom(1);

  set(plan: FaultPlan): void {
    this.#plan = plan;
    this.#fired = plan.faults.map(() => 0);
    this.#random = seededRandom(plan.seed);
  }

  /** The plan with how often each fault has struck. */
  get report(): { seed: number; faults: (Fault & { fired: number })[] } {
    return {
      seed: this.#plan.seed,
      faults: this.#plan.faults.map((fault, i) => ({ ...fault, fired: this.#fired[i] ?? 0 })),
    };
  }

  /** The milliseconds drawn for the fault of this kind, or null when it does not strike here and now. */
  strike(kind: FaultKind, where: Where, now: Date): number | null {
    for (const [i, fault] of this.#plan.faults.entries()) {
      if (fault.kind !== kind || !fits(fault, where, now)) continue;
      if (fault.count !== undefined && (this.#fired[i] ?? 0) >= fault.count) continue;
      if (this.#random.next() >= fault.probability) continue;
      this.#fired[i] = (this.#fired[i] ?? 0) + 1;
      return fault.minMs + this.#random.int(fault.maxMs - fault.minMs + 1);
    }
    return null;
  }

  get none(): boolean {
    return this.#plan.faults.length === 0;
  }
}

function fits(fault: Fault, where: Where, now: Date): boolean {
  if (fault.service !== where.service) return false;
  if (fault.channel !== undefined && fault.channel !== where.channel) return false;
  if (fault.operation !== undefined && fault.operation !== where.operation) return false;
  if (fault.from !== undefined && now < new Date(fault.from)) return false;
  return fault.until === undefined || now < new Date(fault.until);
}
