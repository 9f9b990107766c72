import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../../context.ts';
import { ok } from '../../kernel/errors.ts';
import { reply } from '../../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../kernel/http/route.ts';
import { label, numericId } from '../../kernel/http/values.ts';
import { decodeCursor, encodeCursor, etagOf, versionOf, wire } from '../../kernel/http/wire.ts';
import { type CategoryRow, listCategoryRows } from './tree.store.ts';
import { type Category, createCategory, editCategory, readCategory, requireAttribute } from './tree.ts';

const tags = ['catalogue'];
const goodsKind = z.enum(['physical', 'virtual']);
const chosenId = z.coerce.number().int().min(1).max(10_000_000).optional();
const params = wire.object({ categoryId: numericId });

const common = {
  categoryId: z.string(),
  parentId: z.string().nullable(),
  name: z.string(),
  goodsKind,
  version: z.int(),
};
const T_SHIRTS = {
  categoryId: '1003001',
  parentId: '1003000',
  name: "男士T恤 Men's T-shirts",
  goodsKind: 'physical' as const,
  version: 0,
};
const summary = wire.object(common).openapi('CategorySummary', { example: T_SHIRTS });
const category = wire
  .object({
    ...common,
    path: z.array(wire.object({ categoryId: z.string(), name: z.string() })),
    attributes: z.array(
      wire.object({ attributeId: z.string(), name: z.string(), required: z.boolean(), from: z.string() }),
    ),
  })
  .openapi('Category', {
    example: {
      ...T_SHIRTS,
      path: [{ categoryId: '1003000', name: '服装 Clothing' }],
      attributes: [{ attributeId: '102', name: '材质', required: false, from: '1003001' }],
    },
  });

const create = route({
  method: 'post',
  path: '/v1/categories',
  access: ['merchant'],
  summary: 'Make a category; the same name under the same parent answers the one that is there',
  tags,
  request: {
    body: jsonBody(
      wire.object({
        categoryId: chosenId,
        parentId: numericId.nullable(),
        name: label(100),
        goodsKind: goodsKind.optional(),
      }),
      { parentId: '1003000', name: '女士T恤' },
    ),
  },
  responses: { 200: json(summary, 'Made before'), 201: json(summary, 'The category') },
});

const edit = route({
  method: 'patch',
  path: '/v1/categories/{categoryId}',
  access: ['merchant'],
  summary: 'Rename a category, or move it with all below it',
  tags,
  request: {
    params,
    headers: wire.ifMatchHeaders,
    body: jsonBody(wire.object({ name: label(100).optional(), parentId: numericId.nullable().optional() }), {
      name: '男装 T恤',
    }),
  },
  responses: { 200: json(summary, 'The category as it is now') },
});

const list = route({
  method: 'get',
  path: '/v1/categories',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'The categories right below one, or the roots',
  tags,
  request: { query: wire.object({ ...wire.page.shape, parentId: numericId.optional() }) },
  responses: {
    200: json(wire.object({ items: z.array(summary), next: z.string().nullable() }), 'A page of categories', {
      items: [T_SHIRTS],
      next: null,
    }),
  },
});

const read = route({
  method: 'get',
  path: '/v1/categories/{categoryId}',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'A category with the way to it and the attributes of its products',
  tags,
  request: { params },
  responses: { 200: json(category, 'The category') },
});

const requirement = route({
  method: 'put',
  path: '/v1/categories/{categoryId}/attributes/{attributeId}',
  access: ['merchant'],
  summary: 'Say whether the products of a category must have an attribute; null says nothing any more',
  description:
    'It holds for the categories below, too, unless they say otherwise. Looked at when a product is submitted, published, or edited on the shelf.',
  tags,
  request: {
    params: wire.object({ categoryId: numericId, attributeId: numericId }),
    body: jsonBody(wire.object({ required: z.boolean().nullable() }), { required: true }),
  },
  responses: { 200: json(category, 'The category as it is now') },
});

function summaryOnWire(row: CategoryRow): z.infer<typeof summary> {
  const { id, parent_id: parentId, name, goods_kind: kind, version } = row;
  return {
    categoryId: String(id),
    parentId: parentId === null ? null : String(parentId),
    name,
    goodsKind: kind,
    version,
  };
}

function categoryOnWire({ row, above, attributes }: Category): z.infer<typeof category> {
  return {
    ...summaryOnWire(row),
    path: above.map(({ id, name }) => ({ categoryId: String(id), name })),
    attributes: attributes.map((a) => ({
      attributeId: String(a.attribute_id),
      name: a.name,
      required: a.required,
      from: String(a.category_id),
    })),
  };
}

/** The tree of categories and what it demands of products. */
export function treeRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(create, async (c) => {
    const { categoryId: id, ...wish } = c.req.valid('json');
    const made = await createCategory(ctx, c.get('principal').name, { id, ...wish });
    if (!made.ok) return reply(c, made);
    c.header('ETag', etagOf(made.value.row.version));
    return reply(c, ok(summaryOnWire(made.value.row)), made.value.replayed ? 200 : 201);
  });

  router.openapi(edit, async (c) => {
    const version = versionOf(c.req.valid('header')['if-match']);
    const change = { id: c.req.valid('param').categoryId, version, ...c.req.valid('json') };
    const edited = await editCategory(ctx, c.get('principal').name, change);
    if (!edited.ok) return reply(c, edited);
    c.header('ETag', etagOf(edited.value.version));
    return reply(c, ok(summaryOnWire(edited.value)));
  });

  router.openapi(list, async (c) => {
    const { cursor, limit, parentId } = c.req.valid('query');
    const after = cursor === undefined ? ok(null) : decodeCursor(z.int().min(1), cursor);
    if (!after.ok) return reply(c, after);
    const found = await listCategoryRows(ctx.db, parentId ?? null, after.value, limit + 1);
    const items = found.slice(0, limit);
    const next = found.length > limit ? encodeCursor(items.at(-1)?.id) : null;
    return reply(c, ok({ items: items.map(summaryOnWire), next }));
  });

  router.openapi(read, async (c) => {
    const found = await readCategory(ctx.db, c.req.valid('param').categoryId);
    if (!found.ok) return reply(c, found);
    c.header('ETag', etagOf(found.value.row.version));
    return reply(c, ok(categoryOnWire(found.value)));
  });

  router.openapi(requirement, async (c) => {
    const want = { ...c.req.valid('param'), ...c.req.valid('json') };
    const said = await requireAttribute(ctx, c.get('principal').name, want);
    return reply(c, said.ok ? ok(categoryOnWire(said.value)) : said);
  });

  return router;
}
