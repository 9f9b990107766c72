import { z } from '@hono/zod-openapi';
import { label } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';

/** The stock of one SKU, as every answer that names it shows it. */
export const stockSchema = wire.object({ onHand: z.int(), reserved: z.int(), sold: z.int() }).openapi('Stock');

const MAX_WAREHOUSE = 2 ** 31 - 1;

/** A warehouse's number, as a string on the wire; input may be the JSON number. */
export const warehouseId = z
  .union([
    z.int().min(1).max(MAX_WAREHOUSE),
    z
      .string()
      .regex(/^[1-9]\d{0,9}$/, 'must be a positive integer')
      .transform(Number)
      .pipe(z.int().max(MAX_WAREHOUSE)),
  ])
  .openapi({ type: 'string', example: '1' });

const priority = z.int().min(0).max(1_000_000);

export const newWarehouseSchema = wire.object({
  name: label(100),
  priority: priority.default(100).openapi({ description: 'the lower one serves where several could' }),
  open: z.boolean().default(true),
});

export const warehouseChangeSchema = wire.object({ priority: priority.optional(), open: z.boolean().optional() });

export const warehouseSchema = wire
  .object({ warehouseId: z.string(), name: z.string(), priority: z.int(), open: z.boolean() })
  .openapi('Warehouse');

export const deductAtSchema = z.enum(['reserve', 'order', 'payment']).openapi({
  description:
    'when pieces leave what is on hand: set aside when ordered until a deadline, when ordered for good, or when paid',
});

export const skuStockSchema = wire
  .object({
    skuId: z.string(),
    counted: z.boolean().openapi({ description: 'false: infinite, so that no warehouse holds any' }),
    deductAt: deductAtSchema,
    stock: stockSchema.openapi({ description: 'of all warehouses' }),
    warehouses: z.array(wire.object({ warehouseId: z.string(), onHand: z.int(), reserved: z.int(), sold: z.int() })),
  })
  .openapi('SkuStock');
