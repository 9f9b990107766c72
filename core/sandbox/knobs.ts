import { z } from '@hono/zod-openapi';
import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import { wire } from '../kernel/http/wire.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import {
  diceOf,
  drawMs,
  type Fault,
  type FaultKind,
  type FaultPlan,
  storedFaultSchema,
  strikesAt,
  type Where,
} from './faults.ts';
import { Ticker } from './ticker.ts';

const delayMs = z.int().min(0).max(600_000).default(0);

/** How the people and services out there behave when nobody acts for them. What is not named gets its default. */
export const settingsSchema = wire.object({
  /** Shoppers pay by themselves. */
  autopay: z.boolean().default(false),
  autopayDelayMs: delayMs,
  /** Parcels arrive by themselves, or wait for `POST /sandbox/shipments/{id}`. */
  fulfil: z.enum(['auto', 'manual']).default('auto'),
  fulfilDelayMs: delayMs,
  /** Time that a refund is `processing`; at 0 it is done at once. */
  refundDelayMs: delayMs,
});

export type Settings = z.infer<typeof settingsSchema>;

interface ActiveFault {
  readonly id: number;
  readonly spec: Fault;
  readonly dice: Random;
  /** Strikes of a fault without `count` that the database does not know yet. */
  unwritten: number;
}

const REFRESH_MS = 500;

/** Settings and faults. The database keeps them, so that a restart, or another process of this world, finds the same. */
export class Knobs implements AsyncDisposable {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #ticker: Ticker;
  #settings: Settings = settingsSchema.parse({});
  #seed = 1;
  #revision = -1;
  #faults: readonly ActiveFault[] = [];

  private constructor(db: Database, clock: Clock, log: Logger) {
    this.#db = db;
    this.#clock = clock;
    this.#ticker = new Ticker('knobs', log, () => this.#refresh(), REFRESH_MS);
  }

  static async open(deps: { readonly db: Database; readonly clock: Clock; readonly log: Logger }): Promise<Knobs> {
    const knobs = new Knobs(deps.db, deps.clock, deps.log);
    await knobs.#load();
    return knobs;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** No fault is configured: the fast path of every call. */
  get faultless(): boolean {
    return this.#faults.length === 0;
  }

  /** The milliseconds drawn for the first fault of this kind that strikes here and now, or null. */
  async strike(kind: FaultKind, where: Where): Promise<number | null> {
    const now = this.#clock.now();
    for (const fault of this.#faults) {
      if (!strikesAt(fault.spec, kind, where, now)) continue;
      if (fault.dice.next() >= fault.spec.probability) continue;
      if (await this.#consume(fault)) return drawMs(fault.spec, fault.dice);
    }
    return null;
  }

  async putSettings(settings: Settings): Promise<void> {
    await this.#db.query({
      text: `INSERT INTO sandbox.setting (settings, revision) VALUES ($1::jsonb, 1)
        ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, revision = sandbox.setting.revision + 1`,
      values: [JSON.stringify(settings)],
    });
    await this.#load();
  }

  /** Replaces all faults. */
  async putFaults(plan: FaultPlan): Promise<void> {
    await this.#db.tx(async (tx) => {
      await tx.query({
        text: `INSERT INTO sandbox.setting (seed, revision) VALUES ($1, 1)
          ON CONFLICT (id) DO UPDATE SET seed = excluded.seed, revision = sandbox.setting.revision + 1`,
        values: [plan.seed],
      });
      await tx.query({ text: 'DELETE FROM sandbox.fault' });
      for (const fault of plan.faults) {
        await tx.query({
          text: 'INSERT INTO sandbox.fault (spec) VALUES ($1::jsonb)',
          values: [JSON.stringify(fault)],
        });
      }
    });
    await this.#load();
  }

  /** The faults in force, each with how often it has fired. */
  async report(): Promise<{ seed: number; faults: (Fault & { fired: number })[] }> {
    await this.#writeFired();
    const rows = await this.#db.query<FaultRow>({ text: 'SELECT id, spec, fired FROM sandbox.fault ORDER BY id' });
    return {
      seed: this.#seed,
      faults: rows.map((row) => ({ ...storedFaultSchema.parse(row.spec), fired: row.fired })),
    };
  }

  /** A count is kept to exactly, by the database, whichever process is asked; without one a tally is enough. */
  async #consume(fault: ActiveFault): Promise<boolean> {
    if (fault.spec.count === undefined) {
      fault.unwritten += 1;
      return true;
    }
    const rows = await this.#db.query({
      name: 'sandbox_fault_consume',
      text: 'UPDATE sandbox.fault SET fired = fired + 1 WHERE id = $1 AND fired < $2 RETURNING id',
      values: [fault.id, fault.spec.count],
    });
    return rows.length === 1;
  }

  async #writeFired(): Promise<void> {
    for (const fault of this.#faults) {
      const by = fault.unwritten;
      if (by === 0) continue;
      fault.unwritten = 0;
      await this.#db.query({
        name: 'sandbox_fault_fired',
        text: 'UPDATE sandbox.fault SET fired = fired + $2 WHERE id = $1',
        values: [fault.id, by],
      });
    }
  }

  async #refresh(): Promise<boolean> {
    await this.#writeFired();
    const rows = await this.#db.query<{ revision: number }>({
      name: 'sandbox_revision',
      text: 'SELECT revision FROM sandbox.setting',
    });
    if ((rows[0]?.revision ?? 0) !== this.#revision) await this.#load();
    return false;
  }

  async #load(): Promise<void> {
    // One statement, one snapshot: faults and the revision they belong to.
    const rows = await this.#db.query<StoredRow>({
      text: `SELECT s.settings, s.seed, s.revision,
          coalesce((SELECT jsonb_agg(f ORDER BY f.id) FROM sandbox.fault f), '[]'::jsonb) AS faults
        FROM (SELECT 1) one LEFT JOIN sandbox.setting s ON true`,
    });
    const row = rows[0];
    const revision = row?.revision ?? 0;
    // An answer that was overtaken by a newer one says nothing any more.
    if (row === undefined || revision <= this.#revision) return;
    const known = new Map(this.#faults.map((fault) => [fault.id, fault]));
    const seed = row.seed ?? 1;
    this.#settings = settingsSchema.parse(row.settings ?? {});
    this.#seed = seed;
    this.#revision = revision;
    this.#faults = row.faults.map(
      (stored, position) =>
        known.get(stored.id) ?? {
          id: stored.id,
          spec: storedFaultSchema.parse(stored.spec),
          dice: diceOf(seed, position, stored.fired),
          unwritten: 0,
        },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker[Symbol.asyncDispose]();
    await this.#writeFired();
  }
}

/** Nulls: nothing was ever set. */
interface StoredRow {
  readonly settings: unknown;
  readonly seed: number | null;
  readonly revision: number | null;
  readonly faults: readonly FaultRow[];
}

interface FaultRow {
  readonly id: number;
  readonly spec: unknown;
  readonly fired: number;
}
