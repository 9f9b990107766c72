import type { Lack, Pieces } from './pieces.ts';

/** What lies of one SKU in one open warehouse, as it was read a moment ago. */
export interface Shelf {
  readonly warehouseId: number;
  readonly onHand: number;
  /** Of the warehouse; the lower one serves where several could. */
  readonly priority: number;
}

/** A part of a line, and the warehouse that serves it. */
export interface Part {
  readonly warehouseId: number;
  readonly quantity: number;
}

/** Which warehouse serves what; `parts` has one entry per line asked for, in their order. */
export interface Plan {
  /** One part, unless no single warehouse had the whole line. */
  readonly parts: readonly (readonly Part[])[];
  /** The lines (their place) that had to be split over warehouses. */
  readonly split: readonly number[];
  /** What all open warehouses together do not have; then `parts` is of no use. */
  readonly lacks: readonly Lack[];
}

/**
 * Says for the lines of a checkout which warehouse serves what (分仓). Decides only, and always the same for the same
 * input; what it decided may be gone when it is reserved, which the reservation then says.
 *
 * One warehouse for everything where one has it all; else as few as a greedy choice finds: the one that serves the most
 * lines whole comes first. A line is split only when no single warehouse has enough of it, and then the fullest ones serve
 * it. Among equals the warehouse of the lower priority comes first, then the older one.
 *
 * `lines`: counted SKUs only; several lines of one SKU share its shelves. A SKU without shelves lacks.
 */
export function planWarehouses(lines: readonly Pieces[], shelves: ReadonlyMap<number, readonly Shelf[]>): Plan {
  const left = new Left(shelves);
  const parts: (readonly Part[])[] = lines.map(() => []);
  const open = new Set(lines.keys());
  for (;;) {
    const best = bestWarehouse(lines, open, left);
    if (best === null) break;
    for (const index of best.serves) {
      const line = lines[index];
      if (line === undefined) continue;
      left.take(line.skuId, best.warehouseId, line.quantity);
      parts[index] = [{ warehouseId: best.warehouseId, quantity: line.quantity }];
      open.delete(index);
    }
  }
  const split = [...open];
  for (const index of split) {
    const line = lines[index];
    if (line !== undefined) parts[index] = left.spread(line);
  }
  return { parts, split, lacks: lacksOf(lines, parts, shelves) };
}

/** The warehouse that serves the most of the open lines whole, the first of several; null when none serves any. */
function bestWarehouse(
  lines: readonly Pieces[],
  open: ReadonlySet<number>,
  left: Left,
): { readonly warehouseId: number; readonly serves: readonly number[] } | null {
  let best: { warehouseId: number; serves: readonly number[] } | null = null;
  for (const warehouseId of left.warehouses) {
    const serves = left.servedBy(warehouseId, lines, open);
    if (serves.length > (best?.serves.length ?? 0)) best = { warehouseId, serves };
  }
  return best;
}

function lacksOf(
  lines: readonly Pieces[],
  parts: readonly (readonly Part[])[],
  shelves: ReadonlyMap<number, readonly Shelf[]>,
): Lack[] {
  const wanted = new Map<number, number>();
  const short = new Set<number>();
  for (const [i, { skuId, quantity }] of lines.entries()) {
    wanted.set(skuId, (wanted.get(skuId) ?? 0) + quantity);
    if (sum((parts[i] ?? []).map((part) => part.quantity)) < quantity) short.add(skuId);
  }
  return [...short]
    .sort((a, b) => a - b)
    .map((skuId) => ({
      skuId,
      wanted: wanted.get(skuId) ?? 0,
      available: sum((shelves.get(skuId) ?? []).map((shelf) => shelf.onHand)),
    }));
}

/** What is left on the shelves while a plan is made. */
class Left {
  readonly #pieces = new Map<string, number>();
  /** By priority, then by id. */
  readonly warehouses: readonly number[];

  constructor(shelves: ReadonlyMap<number, readonly Shelf[]>) {
    const priorities = new Map<number, number>();
    for (const [skuId, ofSku] of shelves) {
      for (const { warehouseId, onHand, priority } of ofSku) {
        priorities.set(warehouseId, priority);
        this.#pieces.set(`${skuId}:${warehouseId}`, onHand);
      }
    }
    this.warehouses = [...priorities].sort(([a, p], [b, q]) => p - q || a - b).map(([id]) => id);
  }

  of(skuId: number, warehouseId: number): number {
    return this.#pieces.get(`${skuId}:${warehouseId}`) ?? 0;
  }

  take(skuId: number, warehouseId: number, quantity: number): void {
    this.#pieces.set(`${skuId}:${warehouseId}`, this.of(skuId, warehouseId) - quantity);
  }

  /** The open lines that this warehouse can serve whole, one after the other. */
  servedBy(warehouseId: number, lines: readonly Pieces[], open: ReadonlySet<number>): number[] {
    const used = new Map<number, number>();
    const serves: number[] = [];
    for (const index of open) {
      const line = lines[index];
      if (line === undefined) continue;
      const before = used.get(line.skuId) ?? 0;
      if (before + line.quantity > this.of(line.skuId, warehouseId)) continue;
      used.set(line.skuId, before + line.quantity);
      serves.push(index);
    }
    return serves;
  }

  /** Takes a line from several warehouses, the fullest first. */
  spread({ skuId, quantity }: Pieces): Part[] {
    const parts: Part[] = [];
    const fullest = this.warehouses
      .map((warehouseId) => ({ warehouseId, there: this.of(skuId, warehouseId) }))
      .filter(({ there }) => there > 0)
      .sort((a, b) => b.there - a.there);
    let rest = quantity;
    for (const { warehouseId, there } of fullest) {
      if (rest === 0) break;
      const part = Math.min(there, rest);
      this.take(skuId, warehouseId, part);
      parts.push({ warehouseId, quantity: part });
      rest -= part;
    }
    return parts;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
