import type { z } from '@hono/zod-openapi';
import type { Refusal } from '../kernel/errors.ts';
import { loadRegistry, type Registered } from '../kernel/registry.ts';
import type { PricedLine } from './pricing.ts';

/** A kind of order (订单类型): its extra fields and what it demands. One file in `types/`, named by its id. */
export interface OrderType extends Registered {
  /** The extra fields of this type, strict: unknown ones are refused. */
  readonly details: z.ZodType;
  /** Extra fields as a shop would send them, for one piece. */
  readonly example: unknown;
  /** Whether it is shipped to an address. */
  readonly needsAddress: boolean;
  /** Says why these goods, with these extra fields as `details` understood them, make no order of this type, or null. */
  refuse(lines: readonly PricedLine[], details: unknown): Refusal | null;
}

export const ORDER_TYPES: ReadonlyMap<string, OrderType> = await loadRegistry<OrderType>(
  new URL('./types/', import.meta.url),
);
