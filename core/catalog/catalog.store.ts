import type { Sql } from '../kernel/db/database.ts';
import type { MachineRow } from '../kernel/machine.ts';
import type { Currency } from '../kernel/money.ts';
import { type DeductAt, WAREHOUSE } from '../stock/pieces.ts';
import type { Shelf } from '../stock/plan.ts';
import { shelvesJson } from '../stock/stock.store.ts';
import { joinEffective, nextChange, type PriceType } from './prices/effective.ts';
import type { Attribute } from './product.format.ts';

/** `finite` and `codes` are counted; charges and services are not. */
export type StockMode = 'finite' | 'infinite' | 'codes';

export interface ProductRow extends Omit<MachineRow, 'id'> {
  readonly id: number;
  readonly category_id: number;
  readonly goods_kind: 'physical' | 'virtual';
  readonly shop_id: number;
  readonly brand_id: number | null;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
  /** Counts the changes of its SKUs and prices. */
  readonly revision: number;
  readonly tags: readonly { readonly tagId: string; readonly name: string }[];
  readonly created_at: Date;
}

export interface SkuRow {
  readonly id: number;
  readonly spu_id: number;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly currency: Currency;
  readonly price: number;
  readonly free: boolean;
  readonly stock_mode: StockMode;
  readonly snapshot_id: string;
  readonly version: number;
}

/** A SKU with the price in effect at a time; null where its standing price is. */
export interface PricedSkuRow extends SkuRow {
  readonly now_amount: number | null;
  readonly now_free: boolean | null;
  readonly now_type: PriceType | null;
  readonly now_snapshot_id: string | null;
  /** When one of its prices begins or ends next. */
  readonly changes_at: Date | null;
}

/** Everything an import must know before it writes, and the id that its product will have. */
export async function prepareImport(
  sql: Sql,
  categoryId: number,
  brandId: number | null,
): Promise<{ readonly goodsKind: string | null; readonly brandKnown: boolean; readonly spuId: number }> {
  const rows = await sql.query<{ goods_kind: string | null; brand_known: boolean; spu_id: number }>({
    name: 'import_prepare',
    text: `SELECT (SELECT goods_kind FROM core.category WHERE id = $1) AS goods_kind,
        ($2::bigint IS NULL OR EXISTS (SELECT FROM core.brand WHERE id = $2)) AS brand_known,
        nextval(pg_get_serial_sequence('core.spu', 'id')) AS spu_id`,
    values: [categoryId, brandId],
  });
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a SELECT without FROM gave no row');
  return { goodsKind: row.goods_kind, brandKnown: row.brand_known, spuId: row.spu_id };
}

export async function findImport(sql: Sql, importKey: string): Promise<{ id: number; import_digest: string } | null> {
  const rows = await sql.query<{ id: number; import_digest: string }>({
    name: 'import_find',
    text: 'SELECT id, import_digest FROM core.spu WHERE import_key = $1',
    values: [importKey],
  });
  return rows[0] ?? null;
}

export interface NewSku {
  readonly name: string;
  readonly attributes: string;
  readonly price: number;
  readonly free: boolean;
  readonly stockMode: StockMode;
  readonly stock: number;
  readonly snapshotId: string;
  readonly snapshot: string;
}

/**
 * SKUs with their snapshots, stock and first movements in one statement, however many. Snapshots are written in id
 * order, so that two imports of equal content do not wait for each other in a ring.
 */
export async function insertSkus(
  sql: Sql,
  product: { readonly spuId: number; readonly currency: string; readonly actor: string; readonly now: Date },
  skus: readonly NewSku[],
): Promise<void> {
  await sql.query({
    name: 'import_skus',
    text: `WITH given AS (
        SELECT * FROM unnest($5::text[], $6::text[], $7::bigint[], $8::boolean[], $9::text[], $10::bigint[], $11::text[], $12::text[])
          WITH ORDINALITY AS g (name, attributes, price, free, stock_mode, stock, snapshot_id, snapshot, n)
      ), pictured AS (
        INSERT INTO core.snapshot (id, content, created_at)
        SELECT DISTINCT ON (snapshot_id) snapshot_id, snapshot::jsonb, $4::timestamptz FROM given ORDER BY snapshot_id
        ON CONFLICT (id) DO NOTHING
      ), made AS (
        INSERT INTO core.sku (spu_id, name, attributes, currency, price, free, stock_mode, snapshot_id, created_at)
        SELECT $1, name, attributes::jsonb, $2, price, free, stock_mode, snapshot_id, $4 FROM given ORDER BY n
        RETURNING id, name
      ), counted AS (
        SELECT made.id, given.stock FROM made JOIN given USING (name) WHERE given.stock_mode <> 'infinite'
      ), stocked AS (
        INSERT INTO core.stock (sku_id, warehouse_id, on_hand, initial)
        SELECT id, ${WAREHOUSE}, stock, stock FROM counted
      ) INSERT INTO core.stock_movement (sku_id, warehouse_id, kind, quantity, reason, actor, at)
        SELECT id, ${WAREHOUSE}, 'initial', stock, 'import', $3, $4 FROM counted`,
    values: [
      product.spuId,
      product.currency,
      product.actor,
      product.now,
      skus.map((s) => s.name),
      skus.map((s) => s.attributes),
      skus.map((s) => s.price),
      skus.map((s) => s.free),
      skus.map((s) => s.stockMode),
      skus.map((s) => s.stock),
      skus.map((s) => s.snapshotId),
      skus.map((s) => s.snapshot),
    ],
  });
}

export const TAGS_COLUMN = `(SELECT coalesce(json_agg(json_build_object('tagId', t.id::text, 'name', t.name) ORDER BY t.id), '[]')
    FROM core.spu_tag st JOIN core.tag t ON t.id = st.tag_id WHERE st.spu_id = p.id) AS tags`;
export const PRODUCT_COLUMNS = `p.id, p.category_id, c.goods_kind, p.shop_id, p.brand_id, p.name, p.description, p.attributes,
  p.revision, p.created_at, ${TAGS_COLUMN},
  p.state, p.version, p.due_at, p.lease_until, p.tries, p.person_reason, p.state_since`;

export async function readProductRow(sql: Sql, spuId: number): Promise<ProductRow | null> {
  const rows = await sql.query<ProductRow>({
    name: 'product_read',
    text: `SELECT ${PRODUCT_COLUMNS} FROM core.spu p JOIN core.category c ON c.id = p.category_id WHERE p.id = $1`,
    values: [spuId],
  });
  return rows[0] ?? null;
}

/** The row locked: what of the product changes, changes under it. */
export async function lockProduct(sql: Sql, spuId: number): Promise<ProductRow | null> {
  const rows = await sql.query<ProductRow>({
    name: 'product_lock',
    text: `SELECT ${PRODUCT_COLUMNS} FROM core.spu p JOIN core.category c ON c.id = p.category_id WHERE p.id = $1
      FOR NO KEY UPDATE OF p`,
    values: [spuId],
  });
  return rows[0] ?? null;
}

export async function productOfSku(sql: Sql, skuId: number): Promise<number | null> {
  const rows = await sql.query<{ spu_id: number }>({
    name: 'sku_product',
    text: 'SELECT spu_id FROM core.sku WHERE id = $1',
    values: [skuId],
  });
  return rows[0]?.spu_id ?? null;
}

export async function bumpRevision(sql: Sql, spuId: number): Promise<void> {
  await sql.query({
    name: 'product_revision',
    text: 'UPDATE core.spu SET revision = revision + 1 WHERE id = $1',
    values: [spuId],
  });
}

const SKU_COLUMNS = `k.id, k.spu_id, k.name, k.attributes, k.currency, k.price, k.free, k.stock_mode, k.snapshot_id, k.version`;
const PRICED_COLUMNS = `${SKU_COLUMNS}, e.amount AS now_amount, e.free AS now_free, e.type AS now_type,
  e.snapshot_id AS now_snapshot_id, ${nextChange('$2')} AS changes_at`;

export async function readSkuRows(sql: Sql, spuId: number, now: Date): Promise<PricedSkuRow[]> {
  return sql.query<PricedSkuRow>({
    name: 'product_skus',
    text: `SELECT ${PRICED_COLUMNS} FROM core.sku k ${joinEffective('$2')} WHERE k.spu_id = $1 ORDER BY k.id`,
    values: [spuId, now],
  });
}

export async function readSkuRow(sql: Sql, skuId: number, now: Date): Promise<PricedSkuRow | null> {
  const rows = await sql.query<PricedSkuRow>({
    name: 'sku_priced',
    text: `SELECT ${PRICED_COLUMNS} FROM core.sku k ${joinEffective('$2')} WHERE k.id = $1`,
    values: [skuId, now],
  });
  return rows[0] ?? null;
}

export interface ProductSummaryRow extends ProductRow {
  readonly skus: number;
  readonly currency: Currency | null;
  readonly min_price: number | null;
  readonly max_price: number | null;
}

export async function lockSku(sql: Sql, skuId: number): Promise<SkuRow | null> {
  const rows = await sql.query<SkuRow>({
    name: 'sku_lock',
    text: `SELECT ${SKU_COLUMNS} FROM core.sku k WHERE k.id = $1 FOR NO KEY UPDATE`,
    values: [skuId],
  });
  return rows[0] ?? null;
}

export async function updatePrice(
  sql: Sql,
  change: {
    readonly skuId: number;
    readonly price: number;
    readonly free: boolean;
    readonly snapshotId: string;
    readonly snapshot: string;
    readonly now: Date;
  },
): Promise<void> {
  await sql.query({
    name: 'sku_price',
    text: `WITH pictured AS (
        INSERT INTO core.snapshot (id, content, created_at) VALUES ($4, $5::jsonb, $6) ON CONFLICT (id) DO NOTHING
      ) UPDATE core.sku SET price = $2, free = $3, snapshot_id = $4 WHERE id = $1`,
    values: [change.skuId, change.price, change.free, change.snapshotId, change.snapshot, change.now],
  });
}

/** A SKU as an order needs it: the price in effect with its snapshot, and whether it may be sold. */
export interface SellableRow {
  readonly sku_id: number;
  readonly shop_id: number;
  readonly product_state: string;
  readonly goods_kind: 'physical' | 'virtual';
  readonly product_name: string;
  readonly sku_name: string;
  readonly currency: Currency;
  readonly price: number;
  readonly stock_mode: StockMode;
  readonly snapshot_id: string;
  readonly deduct_at: DeductAt;
  /** Where it lies, in open warehouses; null: nowhere. */
  readonly shelves: readonly Shelf[] | null;
}

/** What an order at `now` is priced with. Never from a copy: each order reads the rows. */
export async function readSellable(sql: Sql, skuIds: readonly number[], now: Date): Promise<SellableRow[]> {
  // One SKU is the common order, and by a plain equality: an array's length would have the server plan it each time.
  const single = skuIds.length === 1;
  return sql.query<SellableRow>({
    name: single ? 'sku_sellable_one' : 'sku_sellable',
    text: `SELECT k.id AS sku_id, p.shop_id, p.state AS product_state, c.goods_kind, p.name AS product_name,
        k.name AS sku_name, k.currency, coalesce(e.amount, k.price) AS price, k.stock_mode,
        coalesce(e.snapshot_id, k.snapshot_id) AS snapshot_id, k.deduct_at, ${shelvesJson('k.id')} AS shelves
      FROM core.sku k JOIN core.spu p ON p.id = k.spu_id JOIN core.category c ON c.id = p.category_id
        ${joinEffective('$2')}
      WHERE k.id = ${single ? '$1' : 'ANY($1::bigint[])'}`,
    values: [single ? skuIds[0] : skuIds, now],
  });
}
