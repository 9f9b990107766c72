import { readFile } from 'node:fs/promises';
import type { CoreContext } from '../context.ts';
import { RefusalError, type Result } from '../kernel/errors.ts';
import { importProduct } from './catalog.import.ts';
import type { LifeCycleCommand, ProductState } from './catalog.machine.ts';
import { type Product, readProduct } from './catalog.read.ts';
import { changeState } from './catalog.ts';

const SAMPLES = ['t-shirt', 'mobile-data'] as const;
const ACTOR = 'demo';

/** What brings a new product onto the shelf. In any other state somebody has decided about it: it stays. */
const NEXT: Partial<Record<ProductState, LifeCycleCommand>> = {
  DRAFT: 'submit',
  PENDING_AUDIT: 'approve',
  AUDIT_APPROVED: 'publish',
};

/**
 * Imports and publishes the source's two samples, once: whoever starts second, or again, finds them there. Returns the
 * products as they are now.
 */
export async function loadDemoCatalogue(ctx: CoreContext): Promise<readonly Product[]> {
  const products: Product[] = [];
  for (const sample of SAMPLES) {
    const text = await readFile(new URL(`./demo/${sample}.jsonc`, import.meta.url), 'utf8');
    const { product } = demand(await importProduct(ctx, ACTOR, text, { importKey: sample }));
    products.push(await publish(ctx, product));
  }
  return products;
}

async function publish(ctx: CoreContext, imported: Product): Promise<Product> {
  let product = imported;
  for (let command = NEXT[product.state]; command !== undefined; command = NEXT[product.state]) {
    const moved = await changeState(ctx, ACTOR, product.spuId, command, 'demo catalogue');
    // Another process may be one step ahead; then its state says what is left to do.
    const next = moved.ok ? moved.value : await readProduct(ctx.db, product.spuId, ctx.clock.now());
    if (next === null || next.state === product.state) return demand(moved);
    product = next;
  }
  return product;
}

function demand<T>(result: Result<T>): T {
  if (!result.ok) throw new RefusalError(result);
  return result.value;
}
