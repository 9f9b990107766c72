import type { Sql } from '../../kernel/db/database.ts';
import type { ProductRow } from '../catalog.store.ts';
import type { Attribute } from '../product.format.ts';

export async function updateProduct(sql: Sql, row: ProductRow): Promise<void> {
  await sql.query({
    name: 'product_edit',
    text: `UPDATE core.spu SET name = $2, description = $3, attributes = $4::jsonb, brand_id = $5, category_id = $6,
        version = version + 1 WHERE id = $1`,
    values: [row.id, row.name, row.description, JSON.stringify(row.attributes), row.brand_id, row.category_id],
  });
}

export async function updateSku(
  sql: Sql,
  skuId: number,
  change: { readonly name: string; readonly attributes: readonly Attribute[] },
): Promise<void> {
  await sql.query({
    name: 'sku_edit',
    text: 'UPDATE core.sku SET name = $2, attributes = $3::jsonb, version = version + 1 WHERE id = $1',
    values: [skuId, change.name, JSON.stringify(change.attributes)],
  });
}

export interface Picture {
  readonly id: number;
  readonly snapshotId: string;
  readonly snapshot: string;
}

/** New snapshots of SKUs, or of their dated prices; in id order, as the import writes them. */
export async function repicture(sql: Sql, table: 'sku' | 'price', pictures: readonly Picture[]): Promise<void> {
  if (pictures.length === 0) return;
  await sql.query({
    name: `repicture_${table}`,
    text: `WITH given AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS g (id, snapshot_id, snapshot)),
      pictured AS (
        INSERT INTO core.snapshot (id, content, created_at)
        SELECT DISTINCT ON (snapshot_id) snapshot_id, snapshot::jsonb, clock_timestamp() FROM given ORDER BY snapshot_id
        ON CONFLICT (id) DO NOTHING
      ) UPDATE core.${table} t SET snapshot_id = given.snapshot_id FROM given WHERE t.id = given.id`,
    values: [pictures.map((p) => p.id), pictures.map((p) => p.snapshotId), pictures.map((p) => p.snapshot)],
  });
}

export async function replaceTags(sql: Sql, spuId: number, tagIds: readonly number[]): Promise<void> {
  await sql.query({
    name: 'product_tags',
    text: `WITH gone AS (DELETE FROM core.spu_tag WHERE spu_id = $1 AND NOT tag_id = ANY($2::bigint[]))
      INSERT INTO core.spu_tag (spu_id, tag_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING`,
    values: [spuId, tagIds],
  });
}

/** The SKUs that a request added: their digest, once, when it did. */
export async function findAddition(sql: Sql, spuId: number, key: string): Promise<string | null> {
  const rows = await sql.query<{ added_digest: string }>({
    name: 'sku_addition',
    text: 'SELECT added_digest FROM core.sku WHERE spu_id = $1 AND added_key = $2 LIMIT 1',
    values: [spuId, key],
  });
  return rows[0]?.added_digest ?? null;
}

export async function markAddition(
  sql: Sql,
  spuId: number,
  names: readonly string[],
  key: string,
  digest: string,
): Promise<void> {
  await sql.query({
    name: 'sku_addition_mark',
    text: 'UPDATE core.sku SET added_key = $3, added_digest = $4 WHERE spu_id = $1 AND name = ANY($2)',
    values: [spuId, names, key, digest],
  });
}
