import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../../context.ts';
import { ok } from '../../kernel/errors.ts';
import { reply } from '../../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../kernel/http/route.ts';
import { label, numericId } from '../../kernel/http/values.ts';
import { decodeCursor, encodeCursor, etagOf, versionOf, wire } from '../../kernel/http/wire.ts';
import { createWord, listWords, renameWord, type Word, type WordKind } from './words.ts';

const tags = ['catalogue'];
/** Ids that callers choose lie below those that are counted up. */
const chosenId = z.coerce.number().int().min(1).max(1_000_000).optional();

const KINDS = [
  { kind: 'brand', plural: 'brands', schema: 'Brand', example: 'NIKE' },
  { kind: 'attribute', plural: 'attributes', schema: 'AttributeName', example: '材质' },
  { kind: 'tag', plural: 'tags', schema: 'Tag', example: '双十一' },
] as const satisfies readonly { kind: WordKind; plural: string; schema: string; example: string }[];

function routesOf({ kind, plural, schema, example }: (typeof KINDS)[number]) {
  const word = wire
    .object({ id: z.string(), name: z.string(), version: z.int() })
    .openapi(schema, { example: { id: '1000001', name: example, version: 0 } });
  const body = wire.object({ id: chosenId, name: label(100) });
  return {
    create: route({
      method: 'post',
      path: `/v1/${plural}`,
      access: ['merchant'],
      summary: `Make a ${kind}; the same name again answers the one that is there`,
      tags,
      request: { body: jsonBody(body, { name: `${example} 2` }) },
      responses: { 200: json(word, 'Made before'), 201: json(word, `The ${kind}`) },
    }),
    list: route({
      method: 'get',
      path: `/v1/${plural}`,
      access: ['viewer', 'merchant', 'shop'],
      summary: `All ${plural} by id`,
      tags,
      request: { query: wire.page },
      responses: {
        200: json(wire.object({ items: z.array(word), next: z.string().nullable() }), `A page of ${plural}`, {
          items: [{ id: '1000001', name: example, version: 0 }],
          next: null,
        }),
      },
    }),
    rename: route({
      method: 'put',
      path: `/v1/${plural}/{id}`,
      access: ['merchant'],
      summary: `Rename a ${kind}`,
      tags,
      request: {
        params: wire.object({ id: numericId }),
        headers: wire.ifMatchHeaders,
        body: jsonBody(wire.object({ name: label(100) }), { name: `${example} (new)` }),
      },
      responses: { 200: json(word, `The ${kind} as it is now`) },
    }),
  };
}

function wordOnWire({ id, name, version }: Word) {
  return { id: String(id), name, version };
}

/** Brands, attributes and tags: three lists of names with the same three routes. */
export function wordRoutes(ctx: CoreContext) {
  const router = createRouter();
  for (const one of KINDS) {
    const { kind } = one;
    const { create, list, rename } = routesOf(one);

    router.openapi(create, async (c) => {
      const made = await createWord(ctx, c.get('principal').name, kind, c.req.valid('json'));
      if (!made.ok) return reply(c, made);
      c.header('ETag', etagOf(made.value.word.version));
      return reply(c, ok(wordOnWire(made.value.word)), made.value.replayed ? 200 : 201);
    });

    router.openapi(list, async (c) => {
      const { cursor, limit } = c.req.valid('query');
      const after = cursor === undefined ? ok(null) : decodeCursor(z.int().min(1), cursor);
      if (!after.ok) return reply(c, after);
      const found = await listWords(ctx.db, kind, after.value, limit + 1);
      const items = found.slice(0, limit);
      const next = found.length > limit ? encodeCursor(items.at(-1)?.id) : null;
      return reply(c, ok({ items: items.map(wordOnWire), next }));
    });

    router.openapi(rename, async (c) => {
      const version = versionOf(c.req.valid('header')['if-match']);
      const change = { id: c.req.valid('param').id, version, name: c.req.valid('json').name };
      const renamed = await renameWord(ctx, c.get('principal').name, kind, change);
      if (!renamed.ok) return reply(c, renamed);
      c.header('ETag', etagOf(renamed.value.version));
      return reply(c, ok(wordOnWire(renamed.value)));
    });
  }
  return router;
}
