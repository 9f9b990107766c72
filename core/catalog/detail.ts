import type { CoreContext } from '../context.ts';
import { monotonicMs } from '../kernel/clock.ts';
import { type Product, readProduct } from './catalog.read.ts';
import { readPulse } from './detail.store.ts';

/** How long a product that many look at is shown without asking whether it changed: well below the second that is allowed. */
const WINDOW_MS = 500;
/** So many reads within a window ask all the same: what few look at is never stale. */
const ASKING_READS = 16;

export interface DetailBounds {
  readonly products: number;
  /** Products have 1 to 500 SKUs: these are what fills the memory. */
  readonly skus: number;
}

const BOUNDS: DetailBounds = { products: 2_000, skus: 20_000 };

interface Entry {
  product: Product;
  /** When the last look at the database began, whether it changed. */
  checkedMs: number;
  windowMs: number;
  reads: number;
}

/**
 * Products for those who look at them (商品详情缓存), kept in this process and bounded. Each read asks the database in one
 * cheap statement whether the product changed and how much of it is left; a product that is read more than 16 times in half a
 * second is then shown as it is until that half second is over. So a change made on another replica is seen within a second,
 * and a price that begins or ends by itself is seen in time. Orders never look here.
 */
export class ProductDetails {
  readonly #ctx: Pick<CoreContext, 'db' | 'clock'>;
  readonly #bounds: DetailBounds;
  /** In the order of use, the oldest first. */
  readonly #entries = new Map<number, Entry>();
  #skus = 0;

  constructor(ctx: Pick<CoreContext, 'db' | 'clock'>, bounds: DetailBounds = BOUNDS) {
    this.#ctx = ctx;
    this.#bounds = bounds;
  }

  /** How much is kept. */
  get size(): DetailBounds {
    return { products: this.#entries.size, skus: this.#skus };
  }

  /** A product with its SKUs, prices and stock; null when there is none. */
  async read(spuId: number): Promise<Product | null> {
    const entry = this.#entries.get(spuId);
    if (entry === undefined || this.#priceChanged(entry.product)) return this.#load(spuId);
    const nowMs = monotonicMs();
    if (nowMs - entry.windowMs > WINDOW_MS) {
      entry.windowMs = nowMs;
      entry.reads = 0;
    }
    entry.reads += 1;
    if (entry.reads > ASKING_READS && nowMs - entry.checkedMs <= WINDOW_MS) return entry.product;
    return this.#check(entry, nowMs);
  }

  async #check(entry: Entry, startedMs: number): Promise<Product | null> {
    const { product } = entry;
    const pulse = await readPulse(this.#ctx.db, product.spuId);
    if (pulse === null || pulse.version !== product.version || pulse.revision !== product.revision) {
      return this.#load(product.spuId);
    }
    const skus = product.skus.map((sku) => {
      const stock = pulse.stock?.[sku.skuId];
      return sku.stock === null || stock === undefined ? sku : { ...sku, stock };
    });
    const fresh = { ...product, tags: pulse.tags, skus };
    if (startedMs >= entry.checkedMs) {
      entry.product = fresh;
      entry.checkedMs = startedMs;
    }
    this.#touch(product.spuId, entry);
    return fresh;
  }

  async #load(spuId: number): Promise<Product | null> {
    const startedMs = monotonicMs();
    const product = await readProduct(this.#ctx.db, spuId, this.#ctx.clock.now());
    const before = this.#entries.get(spuId);
    if (product === null) {
      this.#drop(spuId);
      return null;
    }
    // One that began earlier and came later must not hide what the other has seen.
    if (before !== undefined && before.checkedMs > startedMs) return product;
    this.#touch(spuId, {
      product,
      checkedMs: startedMs,
      windowMs: before?.windowMs ?? startedMs,
      reads: before?.reads ?? 1,
    });
    return product;
  }

  #priceChanged(product: Product): boolean {
    const now = this.#ctx.clock.now();
    return product.skus.some(({ priceChangesAt }) => priceChangesAt !== null && priceChangesAt <= now);
  }

  #touch(spuId: number, entry: Entry): void {
    this.#drop(spuId);
    this.#entries.set(spuId, entry);
    this.#skus += entry.product.skus.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#bounds.products && this.#skus <= this.#bounds.skus) return;
      this.#drop(oldest);
    }
  }

  #drop(spuId: number): void {
    const entry = this.#entries.get(spuId);
    if (entry === undefined) return;
    this.#entries.delete(spuId);
    this.#skus -= entry.product.skus.length;
  }
}
