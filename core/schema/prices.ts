import { check, customType } from 'drizzle-orm/pg-core';
import { sku, snapshot, spu } from './catalog.ts';
import { amount, at, bigint, boolean, core, index, integer, primaryKey, sql, text, uniqueIndex } from './columns.ts';

/** A time that may be `infinity`: what has no end ends there, so that one comparison asks both. */
const end = customType<{ data: Date | number }>({ dataType: () => 'timestamp with time zone' });

/**
 * A price of a SKU with its time (价格). The one in effect counts: flash before promotion before standard, then the latest
 * start; where none is, the SKU's own standing price does.
 */
export const price = core.table(
  'price',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    skuId: bigint('sku_id', { mode: 'number' })
      .notNull()
      .references(() => sku.id),
    type: text('type').notNull(),
    amount: amount('amount').notNull(),
    /** Says that a price of 0 is meant. */
    free: boolean('free').notNull().default(false),
    /** What a buyer sees who buys at this price. */
    snapshotId: text('snapshot_id')
      .notNull()
      .references(() => snapshot.id),
    effectiveFrom: at('effective_from').notNull(),
    /** Not included. One that was taken back before it began ends where it begins. */
    effectiveTo: end('effective_to').notNull().default(sql`'infinity'`),
    actor: text('actor').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    digest: text('digest').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    // What is in effect or will be: the prices that are over lie before the place where the scan begins.
    index('price_effective').on(t.skuId, t.effectiveTo),
    index('price_sku').on(t.skuId, t.id),
    uniqueIndex('price_once').on(t.skuId, t.idempotencyKey),
    check('price_type_known', sql`${t.type} IN ('standard','promotion','flash')`),
    check('price_meant', sql`${t.amount} > 0 OR (${t.amount} = 0 AND ${t.free})`),
    check('price_in_order', sql`${t.effectiveFrom} <= ${t.effectiveTo}`),
  ],
);

/** What is told of a product beside its rows, which are hot: kept by a consumer of the bus and by the catalogue's commands. */
export const spuStat = core.table(
  'spu_stat',
  {
    spuId: bigint('spu_id', { mode: 'number' })
      .primaryKey()
      .references(() => spu.id),
    /** NULL until it has a SKU. */
    currency: text('currency'),
    minPrice: amount('min_price'),
    maxPrice: amount('max_price'),
    skus: integer('skus').notNull().default(0),
    /** Pieces on hand of the counted SKUs. */
    stock: bigint('stock', { mode: 'number' }).notNull().default(0),
    /** Pieces sold and not restocked. */
    sales: bigint('sales', { mode: 'number' }).notNull().default(0),
    /** Of the sales those of SKUs that are not counted. */
    uncountedSales: bigint('uncounted_sales', { mode: 'number' }).notNull().default(0),
    /** When a price begins or ends next. */
    dueAt: at('due_at'),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [
    index('spu_stat_price').on(t.currency, t.minPrice, t.maxPrice),
    index('spu_stat_due').on(t.dueAt).where(sql`due_at IS NOT NULL`),
  ],
);

/** The sales of SKUs that are not counted, once per order: an event that is seen again adds nothing. */
export const spuSale = core.table(
  'spu_sale',
  {
    orderId: text('order_id').notNull(),
    spuId: bigint('spu_id', { mode: 'number' }).notNull(),
    pieces: bigint('pieces', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.orderId, t.spuId] })],
);
