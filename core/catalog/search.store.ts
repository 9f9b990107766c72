import type { Sql } from '../kernel/db/database.ts';
import { type Fragment, raw, sql } from '../kernel/db/fragment.ts';
import type { Currency } from '../kernel/money.ts';
import { PRODUCT_COLUMNS, type ProductSummaryRow } from './catalog.store.ts';
import { joinEffective } from './prices/effective.ts';
import { idsBelow } from './tree/tree.store.ts';

export interface ProductFilter {
  readonly state?: string | undefined;
  /** It or any below it. */
  readonly categoryId?: number | undefined;
  readonly shopId?: number | undefined;
  readonly brandId?: number | undefined;
  /** Any part of the name, in either case. */
  readonly name?: string | undefined;
  /** All of them. */
  readonly tagIds?: readonly number[] | undefined;
  /** All of them, each on the product or on one of its SKUs. */
  readonly attributes?: readonly { readonly attributeId: string; readonly value: string }[] | undefined;
  /** Minor units: products of which something costs that much. */
  readonly price?: { readonly currency: Currency; readonly from: number; readonly to: number } | undefined;
  /** Products older than this one. */
  readonly before?: number | undefined;
}

/** Products that fit, the newest first, with their SKUs' price range in effect. */
export async function findProductRows(
  db: Sql,
  filter: ProductFilter,
  limit: number,
  now: Date,
): Promise<ProductSummaryRow[]> {
  const where = conditionsOf(filter).reduce((all, one) => sql`${all} AND ${one}`, raw('true'));
  // Text from above only: what a caller sent travels as a parameter.
  const query = sql`SELECT ${raw(PRODUCT_COLUMNS)}, s.* FROM (
      SELECT q.* FROM core.spu q WHERE ${where} ORDER BY q.id DESC LIMIT ${limit}
    ) p JOIN core.category c ON c.id = p.category_id CROSS JOIN LATERAL (
      SELECT count(*) AS skus, min(k.currency) AS currency, min(coalesce(e.amount, k.price)) AS min_price,
        max(coalesce(e.amount, k.price)) AS max_price
      FROM core.sku k CROSS JOIN (SELECT ${now}::timestamptz AS at) t ${raw(joinEffective('t.at'))} WHERE k.spu_id = p.id
    ) s ORDER BY p.id DESC`;
  return db.query<ProductSummaryRow>(query);
}

function conditionsOf(filter: ProductFilter): Fragment[] {
  const { state, categoryId, shopId, brandId, name, tagIds = [], attributes = [], price, before } = filter;
  return [
    ...(state === undefined ? [] : [sql`q.state = ${state}`]),
    ...(categoryId === undefined ? [] : [sql`q.category_id = ANY(${below(categoryId)}::bigint[])`]),
    ...(shopId === undefined ? [] : [sql`q.shop_id = ${shopId}`]),
    ...(brandId === undefined ? [] : [sql`q.brand_id = ${brandId}`]),
    // The index finds names that have all its pairs of characters; whether they stand in this order is looked at then.
    ...(name === undefined
      ? []
      : [sql`core.grams(q.name) @> core.grams(${name}) AND position(lower(${name}) in lower(q.name)) > 0`]),
    ...tagIds.map((id) => sql`q.id IN (SELECT spu_id FROM core.spu_tag WHERE tag_id = ${id})`),
    ...attributes.map((one) => {
      const it = JSON.stringify([one]);
      return sql`q.id IN (SELECT id FROM core.spu WHERE attributes @> ${it}::jsonb
        UNION ALL SELECT spu_id FROM core.sku WHERE attributes @> ${it}::jsonb)`;
    }),
    ...(price === undefined
      ? []
      : [
          sql`q.id IN (SELECT spu_id FROM core.spu_stat WHERE currency = ${price.currency}
            AND max_price >= ${price.from} AND min_price <= ${price.to})`,
        ]),
    ...(before === undefined ? [] : [sql`q.id < ${before}`]),
  ];
}

function below(categoryId: number): Fragment {
  return { text: idsBelow('$1'), values: [categoryId] };
}
