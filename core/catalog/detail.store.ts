import type { Sql } from '../kernel/db/database.ts';
import type { StockView } from '../stock/stock.ts';
import { TAGS_COLUMN } from './catalog.store.ts';

/** What says whether a copy of a product is still right, and what changes without saying so. */
export interface Pulse {
  readonly version: number;
  readonly revision: number;
  readonly tags: readonly { readonly tagId: string; readonly name: string }[];
  /** By SKU; null: nothing of it is counted. */
  readonly stock: Readonly<Record<string, StockView>> | null;
}

export async function readPulse(sql: Sql, spuId: number): Promise<Pulse | null> {
  const rows = await sql.query<Pulse>({
    name: 'product_pulse',
    text: `SELECT p.version, p.revision, ${TAGS_COLUMN}, (
        SELECT json_object_agg(t.sku_id, json_build_object('onHand', t.on_hand, 'reserved', t.reserved, 'sold', t.sold))
        FROM (
          SELECT s.sku_id, sum(s.on_hand) AS on_hand, sum(s.reserved) AS reserved, sum(s.sold) AS sold
          FROM core.sku k JOIN core.stock s ON s.sku_id = k.id WHERE k.spu_id = p.id GROUP BY s.sku_id
        ) t
      ) AS stock FROM core.spu p WHERE p.id = $1`,
    values: [spuId],
  });
  return rows[0] ?? null;
}
