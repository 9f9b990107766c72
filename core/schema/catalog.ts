import { check } from 'drizzle-orm/pg-core';
import {
  amount,
  at,
  bigint,
  boolean,
  core,
  drivable,
  index,
  integer,
  jsonb,
  primaryKey,
  sql,
  text,
  uniqueIndex,
} from './columns.ts';

export const category = core.table('category', {
  id: bigint('id', { mode: 'number' }).primaryKey(),
  parentId: bigint('parent_id', { mode: 'number' }),
  name: text('name').notNull(),
  /** `physical` goods are shipped to an address, `virtual` ones are delivered as codes or effects. */
  goodsKind: text('goods_kind').notNull(),
});

export const spu = core.table(
  'spu',
  {
    /** By default, not always: the mover writes a product's row with the id that it drew before. */
    id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity({ startWith: 10001 }),
    categoryId: bigint('category_id', { mode: 'number' })
      .notNull()
      .references(() => category.id),
    brandId: bigint('brand_id', { mode: 'number' }),
    name: text('name').notNull(),
    description: text('description').notNull(),
    attributes: jsonb('attributes').notNull(),
    createdAt: at('created_at').notNull(),
    /** Unique per import source, so that the same file twice makes the product once. */
    importKey: text('import_key').unique(),
    /** Of the imported content: the same key with another content is refused. */
    importDigest: text('import_digest'),
    ...drivable,
  },
  (t) => [
    index('spu_state').on(t.state, t.id),
    check(
      'spu_state_known',
      sql`${t.state} IN ('DRAFT','PENDING_AUDIT','AUDIT_REJECTED','AUDIT_APPROVED','ON_SHELF','OFF_SHELF','SOLD_OUT','FROZEN','DELETED')`,
    ),
  ],
);

/** What a product looked like: the key is the digest of the canonical content, so equal content is one row. */
export const snapshot = core.table('snapshot', {
  id: text('id').primaryKey(),
  content: jsonb('content').notNull(),
  createdAt: at('created_at').notNull(),
});

export const sku = core.table(
  'sku',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity({ startWith: 100001 }),
    spuId: bigint('spu_id', { mode: 'number' })
      .notNull()
      .references(() => spu.id),
    name: text('name').notNull(),
    attributes: jsonb('attributes').notNull(),
    currency: text('currency').notNull(),
    price: amount('price').notNull(),
    /** Says that a price of 0 is meant: goods are never given away by a slip. */
    free: boolean('free').notNull().default(false),
    /** `finite` has rows in `stock`; `infinite` (charges, services) has none. */
    stockMode: text('stock_mode').notNull(),
    snapshotId: text('snapshot_id')
      .notNull()
      .references(() => snapshot.id),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('sku_spu').on(t.spuId),
    check('sku_price_meant', sql`${t.price} > 0 OR (${t.price} = 0 AND ${t.free})`),
    check('sku_stock_mode_known', sql`${t.stockMode} IN ('finite','infinite')`),
  ],
);

/** Who changed what in the catalogue, with before and after (用户操作日志). */
export const operationLog = core.table(
  'operation_log',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    actor: text('actor').notNull(),
    entityType: text('entity_type').notNull(),
    entityId: text('entity_id').notNull(),
    operation: text('operation').notNull(),
    before: jsonb('before'),
    after: jsonb('after'),
    at: at('at').notNull(),
  },
  (t) => [index('operation_log_entity').on(t.entityType, t.entityId, t.id)],
);

export const stock = core.table(
  'stock',
  {
    skuId: bigint('sku_id', { mode: 'number' })
      .notNull()
      .references(() => sku.id),
    warehouseId: integer('warehouse_id').notNull(),
    onHand: bigint('on_hand', { mode: 'number' }).notNull(),
    reserved: bigint('reserved', { mode: 'number' }).notNull().default(0),
    sold: bigint('sold', { mode: 'number' }).notNull().default(0),
    initial: bigint('initial', { mode: 'number' }).notNull(),
    inbound: bigint('inbound', { mode: 'number' }).notNull().default(0),
    adjusted: bigint('adjusted', { mode: 'number' }).notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.skuId, t.warehouseId] }),
    check('stock_not_negative', sql`${t.onHand} >= 0 AND ${t.reserved} >= 0 AND ${t.sold} >= 0`),
    check(
      'stock_conserved',
      sql`${t.onHand} + ${t.reserved} + ${t.sold} = ${t.initial} + ${t.inbound} + ${t.adjusted}`,
    ),
  ],
);

/** Every change of what there is to sell that is no sale: inbound goods and counted corrections. */
export const stockMovement = core.table(
  'stock_movement',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    warehouseId: integer('warehouse_id').notNull(),
    kind: text('kind').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    reason: text('reason').notNull(),
    actor: text('actor').notNull(),
    /** The request that made it: sent twice, it counts once. NULL for what an import brought. */
    idempotencyKey: text('idempotency_key'),
    at: at('at').notNull(),
  },
  (t) => [
    uniqueIndex('stock_movement_once').on(t.skuId, t.idempotencyKey).where(sql`idempotency_key IS NOT NULL`),
    check('stock_movement_kind_known', sql`${t.kind} IN ('initial','inbound','adjust')`),
  ],
);

/** Pieces set aside for one order. `held` → `taken` when paid, or `released` exactly once. */
export const reservation = core.table(
  'reservation',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    orderId: text('order_id').notNull(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    warehouseId: integer('warehouse_id').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    state: text('state').notNull(),
    expiresAt: at('expires_at').notNull(),
    /** When a repair looks at a `held` one: its expiry, then again after each renewal. NULL once settled. */
    dueAt: at('due_at'),
    leaseUntil: at('lease_until'),
  },
  (t) => [
    index('reservation_order').on(t.orderId),
    index('reservation_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    // Answers what is held and taken of a SKU from the index alone, for the check of its stock.
    index('reservation_sku').on(t.skuId, t.warehouseId, t.state, t.quantity),
    check('reservation_state_known', sql`${t.state} IN ('held','taken','released')`),
    check('reservation_some', sql`${t.quantity} > 0`),
  ],
);
