import type { Result } from '../kernel/errors.ts';

/** What lies of one SKU in one warehouse. */
export interface ShelfName {
  readonly skuId: number;
  readonly warehouseId: number;
}

/** Pieces of one shelf that an order wants; see `Claim`. */
export interface HotClaim extends ShelfName {
  readonly quantity: number;
  readonly deductAt: 'reserve' | 'order' | 'payment';
}

/** The pieces that one order wants. */
export interface OrderClaims {
  readonly orderId: string;
  readonly claims: readonly HotClaim[];
}

/** What was reserved before the orders' own transaction, which confirms it or lets it go: by order. */
export interface Early {
  readonly held: ReadonlyMap<string, readonly HotClaim[]>;
}

/** Hot SKUs (热点库存), whose pieces are reserved in batches before the transaction of their orders. */
export interface HotStock {
  /** How many shelves are hot now, in this process. */
  readonly hot: number;

  /** A reservation waited `ms` for its row's lock. */
  noteWait(shelf: ShelfName, ms: number): void;

  /** Whether `reserve` would reserve any of it. */
  goesEarly(orders: readonly OrderClaims[]): boolean;

  /**
   * Reserves what is hot of the orders of one checkout, all of it or nothing; what is left is for their transaction.
   *
   * Refuses: `sold_out`; `overloaded` (too many wait for one SKU, or it took too long).
   */
  reserve(orders: readonly OrderClaims[]): Promise<Result<Early>>;

  /** Runs the transaction of the orders; when nothing comes of it, what was reserved early is let go. */
  during<T>(early: Early, work: () => Promise<Result<T>>): Promise<Result<T>>;
}
