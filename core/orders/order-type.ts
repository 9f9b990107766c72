import type { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import type { Refusal, Result } from '../kernel/errors.ts';
import { loadRegistry, type Registered } from '../kernel/registry.ts';
import type { PricedGoods, PricedLine } from './pricing.ts';
import type { Stages } from './stages.ts';

/** An order of a type as it is being placed. */
export interface PlacedOfType {
  readonly orderId: string;
  readonly payOrderId: string;
  readonly lines: readonly PricedLine[];
  readonly details: unknown;
}

/** A kind of order (订单类型): its extra fields and what it demands. One file in `types/`, named by its id. */
export interface OrderType extends Registered {
  /** The extra fields of this type, strict: unknown ones are refused. */
  readonly details: z.ZodType;
  /** Extra fields as a shop would send them, for one piece. */
  readonly example: unknown;
  /** Whether it is shipped to an address. */
  readonly needsAddress: boolean;
  /** Says why these goods, with these extra fields as `details` understood them, make no order of this type, or null. */
  refuse(lines: readonly PricedLine[], details: unknown, now: Date): Refusal | null;
  /**
   * What is paid in which part, for a type that is paid in two (预售); `due` is when the first must be paid. Refuses terms that
   * do not fit the goods.
   */
  stages?(details: unknown, goods: PricedGoods, now: Date, due: Date): Result<Stages>;
  /** What else is written for an order of this type in the transaction that places it, such as the lock of its room. */
  also?(tx: Tx, context: CoreContext, order: PlacedOfType): Promise<void>;
}

export const ORDER_TYPES: ReadonlyMap<string, OrderType> = await loadRegistry<OrderType>(
  new URL('./types/', import.meta.url),
);
