import type { Guard } from '../guard/guard.ts';
import type { Background } from '../kernel/background.ts';
import { monotonicMs } from '../kernel/clock.ts';
import type { Tx } from '../kernel/db/database.ts';
import { CommitUnknown } from '../kernel/db/failures.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { confirmHeld, tellReleased } from './batch.store.ts';
import { type BatcherKit, type BatcherLimits, DEFAULT_BATCHING, type Outcome, ShelfBatcher } from './batcher.ts';
import type { Early, HotClaim, HotStock, OrderClaims, ShelfName } from './hot.port.ts';
import { type Claim, type Lack, perShelf, refuseLack } from './pieces.ts';
import { holdPieces, releasePieces } from './stock.store.ts';

/** When a shelf becomes hot, and when cold again. */
export interface HeatLimits {
  /** A reservation that waited longer for its row's lock was in somebody's way. */
  readonly slowWaitMs: number;
  /** So many of them within the window make a shelf hot. */
  readonly hotWaits: number;
  readonly windowMs: number;
  /** So long without a batch of so many wants at once makes it cold again. */
  readonly busyBatch: number;
  readonly coolDownMs: number;
}

export const DEFAULT_HEAT: HeatLimits = {
  slowWaitMs: 5,
  hotWaits: 10,
  windowMs: 1_000,
  busyBatch: 3,
  coolDownMs: 10_000,
};

/** Shelves whose heat is measured at once; the one that was looked at longest ago gives way. */
const MAX_SHELVES = 2_000;

const NOTHING: Early = { held: new Map() };

interface Heat {
  readonly shelf: ShelfName;
  readonly batcher: ShelfBatcher;
  hot: boolean;
  /** Lock waits of the running window. */
  waits: number;
  windowMs: number;
  busyMs: number;
}

export interface HotStockKit extends BatcherKit {
  readonly guard: Guard;
  readonly log: Logger;
  readonly background: Background;
}

/**
 * Hot SKUs (热点库存). An order's transaction holds the lock of a stock row from its reservation to its commit; where many
 * orders want one row, they queue for it one commit each. For a hot shelf the pieces are therefore reserved before that
 * transaction, under the order's number, by a micro-batcher: one short transaction for many orders. The order's own
 * transaction only confirms them, without touching the stock row.
 *
 * The order and its pieces are no longer one transaction, so: a reservation of a batch lasts a minute until its order
 * confirms it. An order that is refused lets its pieces go at once; of one whose process died, the expiry repair does. An
 * order never stands without them: the confirmation is part of its transaction, and reserves anew or refuses when they ran out.
 *
 * A shelf is hot when lock waits say so (`noteWait`), or when the switch `stock.direct` is off for its SKU; with `stock.hot`
 * off, none is. What is hot is known per process.
 */
export class BatchedStock implements HotStock {
  readonly #kit: HotStockKit;
  readonly #limits: BatcherLimits;
  readonly #heat: HeatLimits;
  readonly #shelves = new Map<string, Heat>();

  constructor(kit: HotStockKit, limits: BatcherLimits = DEFAULT_BATCHING, heat: HeatLimits = DEFAULT_HEAT) {
    this.#kit = kit;
    this.#limits = limits;
    this.#heat = heat;
  }

  get hot(): number {
    let count = 0;
    for (const heat of this.#shelves.values()) if (this.#isHot(heat)) count += 1;
    return count;
  }

  noteWait(claim: ShelfName, ms: number): void {
    if (ms < this.#heat.slowWaitMs) return;
    const heat = this.#heatOf(claim);
    const now = monotonicMs();
    if (now - heat.windowMs > this.#heat.windowMs) {
      heat.windowMs = now;
      heat.waits = 0;
    }
    heat.waits += 1;
    if (heat.hot || heat.waits < this.#heat.hotWaits) return;
    heat.hot = true;
    heat.busyMs = now;
    this.#kit.log.info({ ...heat.shelf, waits: heat.waits }, 'a SKU is hot: its pieces are reserved in batches');
  }

  goesEarly(orders: readonly OrderClaims[]): boolean {
    return orders.some(({ claims }) => claims.some((claim) => this.#goesEarly(claim)));
  }

  async reserve(orders: readonly OrderClaims[]): Promise<Result<Early>> {
    const wants = orders.flatMap(({ orderId, claims }) =>
      perShelf(claims)
        .filter((claim) => this.#goesEarly(claim))
        .map((claim) => ({ orderId, claim })),
    );
    if (wants.length === 0) return ok(NOTHING);
    const ends = await Promise.allSettled(wants.map(({ orderId, claim }) => this.#want(orderId, claim)));
    const held = new Map<string, HotClaim[]>();
    const lacks: Lack[] = [];
    let busy = false;
    let failure: { readonly reason: unknown } | null = null;
    for (const [i, end] of ends.entries()) {
      const want = wants[i];
      if (want === undefined) continue;
      if (end.status === 'rejected') failure = { reason: end.reason };
      else if (end.value.kind === 'held') held.set(want.orderId, [...(held.get(want.orderId) ?? []), want.claim]);
      else if (end.value.kind === 'busy') busy = true;
      else lacks.push({ skuId: want.claim.skuId, wanted: want.claim.quantity, available: end.value.available });
    }
    if (failure === null && lacks.length === 0 && !busy) return ok({ held });
    this.#letGo({ held });
    if (failure !== null) throw failure.reason;
    if (lacks.length > 0) return refuseLack(lacks);
    return refuse('overloaded', 'Too many want the same goods at this moment. Nothing was ordered; try again.', {
      meta: { retryAfterMs: 1_000 },
    });
  }

  async during<T>(early: Early, work: () => Promise<Result<T>>): Promise<Result<T>> {
    if (early.held.size === 0) return work();
    try {
      const done = await work();
      if (!done.ok) this.#letGo(early);
      return done;
    } catch (error) {
      // An order that may stand keeps its pieces: confirmed if it does, or until they run out.
      if (!(error instanceof CommitUnknown)) this.#letGo(early);
      throw error;
    }
  }

  /** At once if it can, else the expiry repair: a dropped kick loses no piece. */
  #letGo({ held }: Early): void {
    const { background, db, clock } = this.#kit;
    for (const [orderId, claims] of held) {
      background.kick('early reservation', () =>
        db.tx(async (tx) => {
          if ((await releasePieces(tx, orderId)) === 0) return;
          const skuIds = new Set(claims.map((claim) => claim.skuId));
          await tellReleased(tx, [...skuIds], clock.now());
        }),
      );
    }
  }

  #goesEarly(claim: HotClaim): boolean {
    if (claim.deductAt === 'payment') return false;
    const { guard } = this.#kit;
    const sku = { sku: String(claim.skuId) };
    if (!guard.isOn('stock.hot', sku)) return false;
    if (!guard.isOn('stock.direct', sku)) return true;
    const heat = this.#shelves.get(keyOf(claim));
    return heat !== undefined && this.#isHot(heat);
  }

  #isHot(heat: Heat): boolean {
    if (heat.hot && monotonicMs() - heat.busyMs > this.#heat.coolDownMs) {
      heat.hot = false;
      this.#kit.log.info(heat.shelf, 'a SKU is hot no more: its pieces are reserved by each order');
    }
    return heat.hot;
  }

  #want(orderId: string, claim: HotClaim): Promise<Outcome> {
    const { quantity, deductAt } = claim;
    return this.#heatOf(claim).batcher.reserve({ orderId, quantity, forGood: deductAt === 'order' });
  }

  #heatOf(claim: ShelfName): Heat {
    const key = keyOf(claim);
    const known = this.#shelves.get(key);
    if (known !== undefined) {
      // The map keeps the order of use, so that the first key is the one that was not used for longest.
      this.#shelves.delete(key);
      this.#shelves.set(key, known);
      return known;
    }
    this.#makeRoom();
    const onBatch = (size: number): void => {
      if (size >= this.#heat.busyBatch) heat.busyMs = monotonicMs();
      this.#kit.onBatch?.(size);
    };
    const batcher = new ShelfBatcher({ ...this.#kit, onBatch }, claim, this.#limits);
    const shelf = { skuId: claim.skuId, warehouseId: claim.warehouseId };
    const heat: Heat = { shelf, batcher, hot: false, waits: 0, windowMs: monotonicMs(), busyMs: monotonicMs() };
    this.#shelves.set(key, heat);
    return heat;
  }

  #makeRoom(): void {
    if (this.#shelves.size < MAX_SHELVES) return;
    const [oldest] = this.#shelves.keys();
    if (oldest !== undefined) this.#shelves.delete(oldest);
  }
}

/**
 * The part of an order's pieces that was reserved early lasts from now on as any other: a part of the order's transaction.
 * Returns what lacks, when it had run out before and is gone.
 */
export async function confirmEarly(tx: Tx, orderId: string, early: Early, until: Date): Promise<readonly Lack[]> {
  const claims = early.held.get(orderId);
  if (claims === undefined) return [];
  return (await confirmHeld(tx, orderId, until)) === claims.length ? [] : holdPieces(tx, orderId, until);
}

/** The claims of an order that were not reserved early. */
export function notEarly(orderId: string, claims: readonly Claim[], early: Early): readonly Claim[] {
  const held = new Set(early.held.get(orderId)?.map(keyOf));
  return held.size === 0 ? claims : claims.filter((claim) => !held.has(keyOf(claim)));
}

function keyOf({ skuId, warehouseId }: ShelfName): string {
  return `${skuId}:${warehouseId}`;
}
