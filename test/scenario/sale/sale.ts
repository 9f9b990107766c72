import { closeRefund, retryLeg } from '../../../core/aftersales/ways-out.ts';
import type { CoreContext } from '../../../core/context.ts';
import { addMs, VirtualClock } from '../../../core/kernel/clock.ts';
import type { Result } from '../../../core/kernel/errors.ts';
import { Mover } from '../../../core/kernel/mover.ts';
import { OrderNumbers } from '../../../core/kernel/order-number.ts';
import { type Random, seededRandom } from '../../../core/kernel/random.ts';
import { changeStock } from '../../../core/stock/adjust.ts';
import { addWarehouse, chooseMoment } from '../../../core/stock/warehouses.ts';
import { loadRepairs, type Repair, type RunLimits, totalsOf } from '../../../reconcile/repair.ts';
import { skusOnShelf } from '../../support/catalogue.ts';
import { type TestCore, testCore } from '../../support/core.ts';
import type { TestDatabase } from '../../support/database.ts';
import { machinesOf } from '../../support/machines.ts';
import { fakeOutside } from '../../support/outside.ts';
import { Auditor } from './auditor.ts';
import type { Checkout, Letter } from './facts.ts';
import { Life, MortalDatabase } from './mortal.ts';
import { type Kick, Queue } from './queue.ts';
import { Road } from './weather.ts';

export const NEVER = new AbortController().signal;
/** What is sold, when its pieces are deducted, and how many more a second warehouse has. */
const SHELF = [
  { price: '79.00', stock: 30, deductAt: 'reserve', elsewhere: 6 },
  { price: '0.01', stock: 12, deductAt: 'order', elsewhere: 0 },
  { price: '1299.99', stock: 4, deductAt: 'payment', elsewhere: 2 },
] as const;

const ONE_BY_ONE: RunLimits = { batch: 1, lanes: 1, budgetMs: 60_000 };
const START = new Date('2026-11-11T00:00:00Z');
const CRASH = 0.12;
const LONGEST_FUSE = 40;
/** Leases of a process that died are over then. */
const LEASE_MS = 10_000;

/**
 * A sale in virtual time: shoppers, an unreliable outside and processes that die, one thing at a time, all drawn from one
 * seed. After each step the auditor must find nothing wrong; after the healing everything must have settled.
 */
export class Sale implements AsyncDisposable {
  readonly random: Random;
  readonly clock = new VirtualClock(START);
  readonly life = new Life();
  readonly road: Road;
  readonly outside = fakeOutside();
  readonly queue = new Queue();
  readonly letters: Letter[] = [];
  readonly checkouts: Checkout[] = [];
  /** Orders whose client heard nothing. */
  readonly unanswered: (() => Promise<string>)[] = [];
  readonly trace: string[] = [];
  skus: readonly number[] = [];
  repairs: readonly Repair[] = [];
  readonly #core: TestCore;
  readonly #database: TestDatabase;
  readonly #auditor: Auditor;
  readonly #tables: readonly string[];
  #ctx: CoreContext;
  #lives = 0;

  private constructor(core: TestCore, database: TestDatabase, seed: number, tables: readonly string[]) {
    this.random = seededRandom(seed);
    this.road = new Road(seededRandom(seed ^ 0x5bd1e995), this.life);
    for (const service of [this.outside.channel, this.outside.marketing, this.outside.fulfilment]) {
      service.travel = this.road.travel;
    }
    this.#core = core;
    this.#database = database;
    this.#tables = tables;
    this.#ctx = this.#bornAnew();
    this.#auditor = new Auditor(database.db, this.outside);
  }

  /** `database` needs one connection only: whoever asks the pool inside a transaction would wait for itself. */
  static async open(database: TestDatabase, seed: number): Promise<Sale> {
    const machines = [...(await machinesOf()).values()].filter(({ name }) => name !== 'product');
    const clock = new VirtualClock(START);
    const core = await testCore({ database, clock });
    const sale = new Sale(core, database, seed, [...new Set(machines.map((m) => m.table)), 'core.reservation']);
    await sale.#stockUp();
    sale.repairs = [...(await loadRepairs())].sort((a, b) => (a.id < b.id ? -1 : 1));
    return sale;
  }

  async #stockUp(): Promise<void> {
    const ctx = { ...this.#core.ctx, random: this.random };
    const second = must(await addWarehouse(ctx, 'a merchant', { name: 'second', priority: 2, open: true }));
    this.skus = await skusOnShelf(ctx, { skus: SHELF });
    for (const [i, { deductAt, elsewhere }] of SHELF.entries()) {
      const skuId = this.skus[i] ?? 0;
      must(await chooseMoment(ctx, 'a merchant', skuId, deductAt));
      if (elsewhere === 0) continue;
      const inbound = {
        skuId,
        warehouseId: second.warehouseId,
        kind: 'inbound',
        quantity: elsewhere,
        reason: 'more',
      } as const;
      must(await changeStock(ctx, 'a merchant', inbound, `more of ${i}`));
    }
  }

  get ctx(): CoreContext {
    return this.#ctx;
  }

  /** What the shop has switched off, and which entries are closed. */
  get guard(): TestCore['guard'] {
    return this.#core.guard;
  }

  /** The database as it is, whoever dies. */
  get db(): TestDatabase['db'] {
    return this.#database.db;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.random.int(Math.max(1, from.length))];
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** Something happens, and the process may die in it. False: there was nothing to do it with. */
  async happen(what: string, act: () => Promise<string | null>): Promise<boolean> {
    const dies = this.chance(CRASH);
    this.life.begin(dies ? 1 + this.random.int(LONGEST_FUSE) : undefined);
    let outcome: string | null;
    try {
      outcome = await act();
    } catch (error) {
      if (!this.life.dead) throw error;
      outcome = 'died';
    }
    if (this.life.dead) this.restart();
    this.life.begin();
    if (outcome === null) return false;
    this.note(what, outcome);
    await this.audit();
    return true;
  }

  note(what: string, outcome: string): void {
    const at = this.clock.now().toISOString().slice(8, 19).replace('T', ' ');
    this.trace.push(`${String(this.trace.length + 1).padStart(4)} ${at} ${what}: ${outcome}`);
  }

  /** Throws with what is wrong and the end of the trace. */
  async audit(): Promise<void> {
    const wrong = await this.#auditor.look();
    if (wrong.length > 0) throw new Error(`after ${this.trace.at(-1)}\n${wrong.join('\n')}`);
  }

  /** The transitions that were taken, as `machine from to`. */
  get taken(): ReadonlySet<string> {
    return this.#auditor.taken;
  }

  /** The same at the end, when nothing is under way any more. */
  async settled(): Promise<readonly string[]> {
    return this.#auditor.close(this.checkouts);
  }

  /** Does what the process had left for after the answer. */
  async run(kick: Kick): Promise<void> {
    await kick.work(NEVER);
  }

  /** Runs one repair until nothing is due for it, a row at a time. Null: nothing was. */
  async mend(repair: Repair): Promise<string | null> {
    const report = await repair.run(this.ctx, ONE_BY_ONE, { stop: NEVER, abort: NEVER });
    const { advanced, waiting, person, failed } = totalsOf(report);
    if (report.scanned === 0) return null;
    if (failed > 0 && !this.life.dead) throw new Error(`the repair ${repair.id} failed for ${failed} rows`);
    return `${repair.id} ${advanced} advanced, ${waiting} waiting, ${person} to a person`;
  }

  /** Refunds that stand at a state, the oldest first. */
  async refundsAt(state: string): Promise<string[]> {
    const text = 'SELECT id FROM core.refund WHERE state = $1 ORDER BY id';
    return (await this.db.query<{ id: string }>({ text, values: [state] })).map(({ id }) => id);
  }

  /** A person decides about a refund at R15: it was paid another way, or its money leg is tried again, or it is closed. */
  async intervene(id: string): Promise<string> {
    const { ctx } = this;
    const reason = 'a person looked at it';
    const ways = [
      () => retryLeg(ctx, 'a person', id, { leg: 'cash', reason }),
      () => retryLeg(ctx, 'a person', id, { leg: 'marketing', reason }),
      () => retryLeg(ctx, 'a person', id, { leg: 'return', reason }),
      () => closeRefund(ctx, 'a person', id, reason),
    ];
    for (let tried = this.random.int(ways.length), n = 0; n < ways.length; tried += 1, n += 1) {
      const done = await ways[tried % ways.length]?.();
      if (done?.ok === true) return done.value.state;
    }
    throw new Error(`no way leads out of R15 for ${id}`);
  }

  /** What the process had in memory is gone; another takes over what it left in the database. */
  restart(): void {
    this.queue.kicks.length = 0;
    this.#ctx = this.#bornAnew();
  }

  /** Time passes, and with it the leases of the dead. */
  async later(ms: number): Promise<void> {
    this.clock.advance(ms);
    if (ms < LEASE_MS) return;
    for (const table of this.#tables) {
      await this.db.query({ text: `UPDATE ${table} SET lease_until = NULL WHERE lease_until IS NOT NULL` });
    }
  }

  soon(ms: number): Date {
    return addMs(this.clock.now(), ms);
  }

  #bornAnew(): CoreContext {
    this.#lives += 1;
    const db = new MortalDatabase(this.#database.db, this.life);
    const { channel, marketing, fulfilment } = this.outside;
    return {
      ...this.#core.ctx,
      db,
      clock: this.clock,
      random: this.random,
      mover: new Mover(this.clock),
      background: this.queue,
      orderNumbers: new OrderNumbers(db, this.clock, `sale-${this.#lives}`),
      channels: new Map([[channel.id, channel]]),
      marketing,
      fulfilment,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#core[Symbol.asyncDispose]();
  }
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
}
