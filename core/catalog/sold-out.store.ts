import type { Sql } from '../kernel/db/database.ts';

/** The products of the SKUs that these pay orders have pieces of. */
export async function productsOfPayOrders(sql: Sql, payOrderIds: readonly string[]): Promise<number[]> {
  if (payOrderIds.length === 0) return [];
  return ids(
    await sql.query<{ id: number }>({
      name: 'sold_out_of_orders',
      text: `SELECT DISTINCT k.spu_id AS id FROM core.orders o JOIN core.reservation r ON r.order_id = o.id
        JOIN core.sku k ON k.id = r.sku_id WHERE o.pay_order_id = ANY($1)`,
      values: [payOrderIds],
    }),
  );
}

export async function productsOfSkus(sql: Sql, skuIds: readonly number[]): Promise<number[]> {
  if (skuIds.length === 0) return [];
  return ids(
    await sql.query<{ id: number }>({
      name: 'sold_out_of_skus',
      text: 'SELECT DISTINCT spu_id AS id FROM core.sku WHERE id = ANY($1::bigint[])',
      values: [skuIds],
    }),
  );
}

function ids(rows: readonly { readonly id: number }[]): number[] {
  return rows.map(({ id }) => id);
}

export interface OnSaleRow {
  readonly id: number;
  readonly state: 'ON_SHELF' | 'SOLD_OUT';
  /** There is something to sell of one SKU at least, in any warehouse; what is not counted is always there. */
  readonly there: boolean;
}

/** Of these products, the ones whose shelf says something else than their stock. */
export async function misplaced(sql: Sql, spuIds: readonly number[]): Promise<OnSaleRow[]> {
  return sql.query<OnSaleRow>({
    name: 'sold_out_misplaced',
    text: `SELECT * FROM (
        SELECT p.id, p.state, EXISTS (SELECT FROM core.sku k WHERE k.spu_id = p.id AND (k.stock_mode = 'infinite'
          OR EXISTS (SELECT FROM core.stock s WHERE s.sku_id = k.id AND s.on_hand > 0))) AS there
        FROM core.spu p WHERE p.id = ANY($1::bigint[]) AND p.state IN ('ON_SHELF', 'SOLD_OUT')
      ) seen WHERE there = (state = 'SOLD_OUT') ORDER BY id`,
    values: [spuIds],
  });
}
