import { type AnyPgColumn, check, unique } from 'drizzle-orm/pg-core';
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

/** The tree of categories (类目), by parent, at any depth. */
export const category = core.table(
  'category',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity({ startWith: 10_000_001 }),
    parentId: bigint('parent_id', { mode: 'number' }).references((): AnyPgColumn => category.id),
    name: text('name').notNull(),
    /** `physical` goods are shipped to an address, `virtual` ones are delivered as codes or effects. */
    goodsKind: text('goods_kind').notNull(),
    version: integer('version').notNull().default(0),
  },
  (t) => [unique('category_name').on(t.parentId, t.name).nullsNotDistinct()],
);

export const brand = core.table('brand', word());

/** What a product or SKU can be described by (属性). */
export const attribute = core.table('attribute', word());

/** What the attributes of a category's products are, those of the categories below it too. */
export const categoryAttribute = core.table(
  'category_attribute',
  {
    categoryId: bigint('category_id', { mode: 'number' })
      .notNull()
      .references(() => category.id),
    attributeId: bigint('attribute_id', { mode: 'number' })
      .notNull()
      .references(() => attribute.id),
    /** Without it a product is neither submitted nor published. */
    required: boolean('required').notNull(),
  },
  (t) => [primaryKey({ columns: [t.categoryId, t.attributeId] })],
);

export const tag = core.table('tag', word());

export const spuTag = core.table(
  'spu_tag',
  {
    tagId: bigint('tag_id', { mode: 'number' })
      .notNull()
      .references(() => tag.id),
    spuId: bigint('spu_id', { mode: 'number' })
      .notNull()
      .references(() => spu.id),
  },
  (t) => [primaryKey({ columns: [t.tagId, t.spuId] }), index('spu_tag_spu').on(t.spuId)],
);

/** A word that products are described with: found by its name, so that the same word is there once. */
function word() {
  return {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity({ startWith: 1_000_001 }),
    name: text('name').notNull().unique(),
    version: integer('version').notNull().default(0),
  };
}

export const spu = core.table(
  'spu',
  {
    /** By default, not always: the mover writes a product's row with the id that it drew before. */
    id: bigint('id', { mode: 'number' }).primaryKey().generatedByDefaultAsIdentity({ startWith: 10001 }),
    categoryId: bigint('category_id', { mode: 'number' })
      .notNull()
      .references(() => category.id),
    /** Whose goods they are: a checkout is split by it. */
    shopId: bigint('shop_id', { mode: 'number' }).notNull().default(1),
    brandId: bigint('brand_id', { mode: 'number' }).references(() => brand.id),
    name: text('name').notNull(),
    description: text('description').notNull(),
    attributes: jsonb('attributes').notNull(),
    createdAt: at('created_at').notNull(),
    /** Unique per import source, so that the same file twice makes the product once. */
    importKey: text('import_key').unique(),
    /** Of the imported content: the same key with another content is refused. */
    importDigest: text('import_digest'),
    /** Counts the changes of its SKUs and prices, which leave `version` alone: both together say whether a copy is stale. */
    revision: integer('revision').notNull().default(0),
    ...drivable,
  },
  (t) => [
    index('spu_state').on(t.state, t.id),
    index('spu_category').on(t.categoryId, t.id),
    index('spu_brand').on(t.brandId, t.id).where(sql`brand_id IS NOT NULL`),
    // Every one and two characters of a name, which serves words without spaces between them, too.
    index('spu_grams').using('gin', sql`core.grams(${t.name})`),
    index('spu_attributes').using('gin', t.attributes.op('jsonb_path_ops')),
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
    /** `finite` has rows in `stock`; `infinite` (charges, services) has none; `codes` has rows in `stock` that count its codes. */
    stockMode: text('stock_mode').notNull(),
    /** The moment at which pieces are set aside or sold: when they are ordered until a deadline, for good, or when they are paid. */
    deductAt: text('deduct_at').notNull().default('reserve'),
    snapshotId: text('snapshot_id')
      .notNull()
      .references(() => snapshot.id),
    createdAt: at('created_at').notNull(),
    version: integer('version').notNull().default(0),
    /** The request that added it to its product: sent twice, it adds once. NULL for what came with the product. */
    addedKey: text('added_key'),
    addedDigest: text('added_digest'),
  },
  (t) => [
    unique('sku_name').on(t.spuId, t.name),
    index('sku_attributes').using('gin', t.attributes.op('jsonb_path_ops')),
    check('sku_price_meant', sql`${t.price} > 0 OR (${t.price} = 0 AND ${t.free})`),
    check('sku_stock_mode_known', sql`${t.stockMode} IN ('finite','infinite','codes')`),
    check('sku_deduct_at_known', sql`${t.deductAt} IN ('reserve','order','payment')`),
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

/** Where pieces lie (仓库). Number 1 is there from the beginning. */
export const warehouse = core.table('warehouse', {
  id: integer('id').primaryKey().generatedByDefaultAsIdentity({ startWith: 2 }),
  name: text('name').notNull().unique(),
  /** The lower one serves where several could. */
  priority: integer('priority').notNull().default(100),
  /** A closed one sells nothing new; what is set aside there is still delivered. */
  open: boolean('open').notNull().default(true),
  createdAt: at('created_at').notNull(),
});

export const stock = core.table(
  'stock',
  {
    skuId: bigint('sku_id', { mode: 'number' })
      .notNull()
      .references(() => sku.id),
    warehouseId: integer('warehouse_id')
      .notNull()
      .references(() => warehouse.id),
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

/**
 * Every change of what there is to sell that is no sale: inbound goods, counted corrections, and goods that came back
 * (`restock`: from sold to on hand, so that what came in stays as it is).
 */
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
    // What came in, from the index alone: the check of a SKU's stock does not read what came back.
    index('stock_movement_came_in').on(t.skuId, t.warehouseId, t.quantity).where(sql`kind <> 'restock'`),
    check('stock_movement_kind_known', sql`${t.kind} IN ('initial','inbound','adjust','restock')`),
  ],
);

/**
 * Pieces meant for one order. `held` → `taken` when paid, or `released` exactly once; `planned` (deducted at payment) counts
 * nowhere until it is held and taken.
 */
export const reservation = core.table(
  'reservation',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    orderId: text('order_id').notNull(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    warehouseId: integer('warehouse_id').notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    state: text('state').notNull(),
    /** NULL: for good, until it is taken or released. */
    expiresAt: at('expires_at'),
    /** Of what was taken, so many pieces came back and are on hand again. */
    returned: bigint('returned', { mode: 'number' }).notNull().default(0),
    /** Summed up in `stock_folded`: the check of a SKU's stock need not read it any more. Taken ones only. */
    folded: boolean('folded').notNull().default(false),
    /** When a repair looks at a `held` one: its expiry, then again after each renewal. NULL once settled. */
    dueAt: at('due_at'),
    leaseUntil: at('lease_until'),
  },
  (t) => [
    index('reservation_order').on(t.orderId),
    index('reservation_due').on(t.dueAt, t.id).where(sql`due_at IS NOT NULL`),
    // Answers what is held and taken of a SKU from the index alone, for the check of its stock; what is folded is not in it.
    index('reservation_live')
      .on(t.skuId, t.warehouseId, t.state, t.quantity, t.returned)
      .where(sql`state IN ('held','taken') AND NOT folded`),
    // What may be folded, oldest first.
    index('reservation_unfolded').on(t.id).where(sql`state = 'taken' AND NOT folded`),
    check('reservation_state_known', sql`${t.state} IN ('planned','held','taken','released')`),
    check('reservation_some', sql`${t.quantity} > 0`),
    check('reservation_returned', sql`${t.returned} BETWEEN 0 AND ${t.quantity}`),
    check('reservation_folded_taken', sql`NOT ${t.folded} OR ${t.state} = 'taken'`),
  ],
);

/** What the folded reservations of a SKU add up to, so that no check reads a hot SKU's history. */
export const stockFolded = core.table(
  'stock_folded',
  {
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    warehouseId: integer('warehouse_id').notNull(),
    pieces: bigint('pieces', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.skuId, t.warehouseId] }), check('stock_folded_not_negative', sql`${t.pieces} >= 0`)],
);

/**
 * One code of a virtual SKU's pool (卡密). `free` → `taken` for one line of one paid order; `void` once it was seen and came
 * back. Uniqueness is by digest, so that no error of the database ever shows a code.
 */
export const stockCode = core.table(
  'stock_code',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    warehouseId: integer('warehouse_id').notNull(),
    code: text('code').notNull(),
    digest: text('digest').notNull(),
    /** The movement that brought it. */
    movementId: bigint('movement_id', { mode: 'number' }).notNull(),
    state: text('state').notNull().default('free'),
    orderId: text('order_id'),
    takenAt: at('taken_at'),
  },
  (t) => [
    uniqueIndex('stock_code_once').on(t.skuId, t.digest),
    index('stock_code_free').on(t.skuId, t.warehouseId, t.id).where(sql`state = 'free'`),
    index('stock_code_order').on(t.orderId).where(sql`order_id IS NOT NULL`),
    check('stock_code_state_known', sql`${t.state} IN ('free','taken','void')`),
    check('stock_code_taken_for', sql`(${t.state} = 'free') = (${t.orderId} IS NULL)`),
  ],
);
