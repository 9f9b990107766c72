import { canonicalJson, sha256 } from '../kernel/canonical.ts';
import type { Currency } from '../kernel/money.ts';
import type { Attribute } from './product.format.ts';

/** What a buyer saw (商品快照): everything of a SKU and its product that a dispute could be about. */
export interface SnapshotContent {
  readonly product: {
    readonly name: string;
    readonly description: string;
    readonly categoryId: number;
    readonly brandId: number | null;
    readonly attributes: readonly Attribute[];
  };
  readonly sku: { readonly name: string; readonly attributes: readonly Attribute[] };
  /** Minor units. */
  readonly price: number;
  readonly currency: Currency;
}

/** A snapshot's text and its key: the digest of it, so that equal content is one row however many orders refer to it. */
export function takeSnapshot(content: SnapshotContent): { readonly id: string; readonly text: string } {
  const text = canonicalJson(content);
  return { id: sha256(text), text };
}
