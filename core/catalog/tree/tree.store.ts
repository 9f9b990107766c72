import type { Sql } from '../../kernel/db/database.ts';

export interface CategoryRow {
  readonly id: number;
  readonly parent_id: number | null;
  readonly name: string;
  readonly goods_kind: 'physical' | 'virtual';
  readonly version: number;
}

const COLUMNS = 'id, parent_id, name, goods_kind, version';

/** Who changes the shape of the tree waits here: two moves that are each right could make a circle together. */
export async function lockTree(sql: Sql): Promise<void> {
  await sql.query({ name: 'tree_lock', text: `SELECT pg_advisory_xact_lock(hashtextextended('core.category', 0))` });
}

export async function readCategoryRow(sql: Sql, id: number): Promise<CategoryRow | null> {
  const rows = await sql.query<CategoryRow>({
    name: 'category_read',
    text: `SELECT ${COLUMNS} FROM core.category WHERE id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Null: its place under the parent, or its id, is taken. */
export async function insertCategory(
  sql: Sql,
  wish: { id: number | undefined; parentId: number | null; name: string; goodsKind: string },
): Promise<CategoryRow | null> {
  const rows = await sql.query<CategoryRow>({
    text: `INSERT INTO core.category (parent_id, name, goods_kind${wish.id === undefined ? '' : ', id'})
      VALUES ($1, $2, $3${wish.id === undefined ? '' : ', $4'}) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    values: [wish.parentId, wish.name, wish.goodsKind, ...(wish.id === undefined ? [] : [wish.id])],
  });
  return rows[0] ?? null;
}

export async function findChild(sql: Sql, parentId: number | null, name: string): Promise<CategoryRow | null> {
  const rows = await sql.query<CategoryRow>({
    name: 'category_child',
    text: `SELECT ${COLUMNS} FROM core.category WHERE parent_id IS NOT DISTINCT FROM $1 AND name = $2`,
    values: [parentId, name],
  });
  return rows[0] ?? null;
}

export async function updateCategory(sql: Sql, row: CategoryRow): Promise<void> {
  await sql.query({
    name: 'category_update',
    text: 'UPDATE core.category SET parent_id = $2, name = $3, version = $4 WHERE id = $1',
    values: [row.id, row.parent_id, row.name, row.version],
  });
}

/** From the root to the category itself. */
export async function readPath(sql: Sql, id: number): Promise<CategoryRow[]> {
  return sql.query<CategoryRow>({
    name: 'category_path',
    text: `WITH RECURSIVE up AS (
        SELECT ${COLUMNS}, 0 AS height FROM core.category WHERE id = $1
        UNION ALL SELECT p.id, p.parent_id, p.name, p.goods_kind, p.version, up.height + 1
          FROM core.category p JOIN up ON p.id = up.parent_id
      ) SELECT ${COLUMNS} FROM up ORDER BY height DESC`,
    values: [id],
  });
}

/** Children in the order of their ids; of the root when `parentId` is null. */
export async function listCategoryRows(
  sql: Sql,
  parentId: number | null,
  after: number | null,
  limit: number,
): Promise<CategoryRow[]> {
  return sql.query<CategoryRow>({
    name: 'category_list',
    text: `SELECT ${COLUMNS} FROM core.category WHERE parent_id IS NOT DISTINCT FROM $1
        AND ($2::bigint IS NULL OR id > $2) ORDER BY id LIMIT $3`,
    values: [parentId, after, limit],
  });
}

/** The ids of a category and all below it, as SQL. */
export function idsBelow(category: string): string {
  return `(WITH RECURSIVE down AS (
        SELECT id FROM core.category WHERE id = ${category}
        UNION ALL SELECT c.id FROM core.category c JOIN down ON c.parent_id = down.id
      ) SELECT array_agg(id) FROM down)`;
}

export interface RequirementRow {
  readonly attribute_id: number;
  readonly name: string;
  readonly required: boolean;
  /** Where it is said: the category itself, or the nearest above it. */
  readonly category_id: number;
}

/** What the attributes of a category's products are: what is said nearest to it counts. */
export async function readRequirements(sql: Sql, categoryId: number): Promise<RequirementRow[]> {
  return sql.query<RequirementRow>({
    name: 'category_requirements',
    text: `${REQUIREMENTS} SELECT n.attribute_id, a.name, n.required, n.category_id
      FROM nearest n JOIN core.attribute a ON a.id = n.attribute_id ORDER BY n.attribute_id`,
    values: [categoryId],
  });
}

const REQUIREMENTS = `WITH RECURSIVE up AS (
    SELECT id, parent_id, 0 AS height FROM core.category WHERE id = $1
    UNION ALL SELECT p.id, p.parent_id, up.height + 1 FROM core.category p JOIN up ON p.id = up.parent_id
  ), nearest AS (
    SELECT DISTINCT ON (r.attribute_id) r.attribute_id, r.required, r.category_id
    FROM up JOIN core.category_attribute r ON r.category_id = up.id ORDER BY r.attribute_id, up.height
  )`;

/** The required attributes that neither the product has nor each of its SKUs. */
export async function readLacking(sql: Sql, categoryId: number, spuId: number): Promise<RequirementRow[]> {
  return sql.query<RequirementRow>({
    name: 'category_lacking',
    text: `${REQUIREMENTS} SELECT n.attribute_id, a.name, n.required, n.category_id
      FROM nearest n JOIN core.attribute a ON a.id = n.attribute_id
        CROSS JOIN LATERAL (SELECT jsonb_build_array(jsonb_build_object('attributeId', n.attribute_id::text)) AS it) w
      WHERE n.required AND NOT EXISTS (SELECT FROM core.spu p WHERE p.id = $2 AND p.attributes @> w.it)
        AND (EXISTS (SELECT FROM core.sku k WHERE k.spu_id = $2 AND NOT k.attributes @> w.it)
          OR NOT EXISTS (SELECT FROM core.sku k WHERE k.spu_id = $2))
      ORDER BY n.attribute_id LIMIT 20`,
    values: [categoryId, spuId],
  });
}

export async function hasSkus(sql: Sql, spuId: number): Promise<boolean> {
  const rows = await sql.query({
    name: 'product_has_skus',
    text: 'SELECT 1 AS one FROM core.sku WHERE spu_id = $1 LIMIT 1',
    values: [spuId],
  });
  return rows.length > 0;
}

/** Null `required`: nothing is said any more. */
export async function setRequirement(
  sql: Sql,
  categoryId: number,
  attributeId: number,
  required: boolean | null,
): Promise<void> {
  await sql.query(
    required === null
      ? {
          name: 'requirement_drop',
          text: 'DELETE FROM core.category_attribute WHERE category_id = $1 AND attribute_id = $2',
          values: [categoryId, attributeId],
        }
      : {
          name: 'requirement_set',
          text: `INSERT INTO core.category_attribute (category_id, attribute_id, required) VALUES ($1, $2, $3)
            ON CONFLICT (category_id, attribute_id) DO UPDATE SET required = excluded.required`,
          values: [categoryId, attributeId, required],
        },
  );
}
