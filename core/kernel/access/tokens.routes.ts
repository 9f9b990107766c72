import { z } from '@hono/zod-openapi';
import type { Clock } from '../clock.ts';
import type { Database, Tx } from '../db/database.ts';
import { ok, RefusalError } from '../errors.ts';
import { reply } from '../http/problem.ts';
import { createRouter, json, jsonBody, route } from '../http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../http/wire.ts';
import { ROLES } from './roles.ts';
import { createToken, DEFAULT_TTL_MS, listTokens, MAX_TTL_MS, revokeToken, type TokenView } from './tokens.ts';

/** What happened to a token, for the audit of whoever mounts these routes. */
export interface TokenEvent {
  readonly what: 'token.created' | 'token.revoked';
  /** The name of the admin who did it. */
  readonly by: string;
  readonly token: TokenView;
}

export interface TokenRoutesDeps {
  readonly db: Database;
  readonly clock: Clock;
  /** Runs in the same transaction, so that no token changes unrecorded. */
  readonly record?: (tx: Tx, event: TokenEvent) => Promise<void>;
}

export const tokenSchema = wire
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    issuedBy: z.string(),
    createdAt: wire.time,
    expiresAt: wire.time,
    revokedAt: wire.time.nullable(),
    revokedBy: z.string().nullable(),
  })
  .openapi('Token');

const create = route({
  method: 'post',
  path: '/v1/tokens',
  access: ['admin'],
  summary: 'Issue a token; its secret is shown this once',
  tags: ['tokens'],
  request: {
    body: jsonBody(
      wire.object({
        name: z.string().min(1).max(100),
        role: z.enum(ROLES),
        ttlSeconds: z
          .int()
          .min(60)
          .max(MAX_TTL_MS / 1000)
          .default(DEFAULT_TTL_MS / 1000),
      }),
      { name: 'Han Mei', role: 'operator', ttlSeconds: 86_400 },
    ),
  },
  responses: { 201: json(wire.object({ token: z.string(), ...tokenSchema.shape }), 'The token') },
});

const list = route({
  method: 'get',
  path: '/v1/tokens',
  access: ['admin'],
  summary: 'All tokens, newest first',
  tags: ['tokens'],
  request: { query: wire.page },
  responses: {
    200: json(wire.object({ items: z.array(tokenSchema), next: z.string().nullable() }), 'A page of tokens'),
  },
});

const revoke = route({
  method: 'delete',
  path: '/v1/tokens/{id}',
  access: ['admin'],
  summary: 'Revoke a token; it stops working within 2 s',
  tags: ['tokens'],
  request: { params: wire.object({ id: z.string().max(64) }) },
  responses: { 200: json(tokenSchema, 'The token as it is now') },
});

const place = z.tuple([z.iso.datetime(), z.string().max(64)]);

/** Issue, list and revoke tokens: for admins, on control. */
export function tokenRoutes({ db, clock, record = async () => {} }: TokenRoutesDeps) {
  const router = createRouter();

  router.openapi(create, async (c) => {
    const { name, role, ttlSeconds } = c.req.valid('json');
    const by = c.get('principal').name;
    const created = await db.tx(async (tx) => {
      const made = await createToken(tx, { clock }, { name, role, issuedBy: by, ttlMs: ttlSeconds * 1000 });
      if (!made.ok) throw new RefusalError(made);
      await record(tx, { what: 'token.created', by, token: made.value.view });
      return made.value;
    });
    return reply(c, ok({ token: created.token, ...wireOf(created.view) }), 201);
  });

  router.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const from = cursor === undefined ? undefined : decodeCursor(place, cursor);
    if (from?.ok === false) return reply(c, from);
    const after = from === undefined ? undefined : { createdAt: new Date(from.value[0]), id: from.value[1] };
    const views = await listTokens(db, { limit: limit + 1, after });
    const items = views.slice(0, limit);
    const last = items.at(-1);
    const next =
      views.length > limit && last !== undefined ? encodeCursor([last.createdAt.toISOString(), last.id]) : null;
    return reply(c, ok({ items: items.map(wireOf), next }));
  });

  router.openapi(revoke, async (c) => {
    const { id } = c.req.valid('param');
    const by = c.get('principal').name;
    const view = await db.tx(async (tx) => {
      const revoked = await revokeToken(tx, { clock }, id, by);
      if (!revoked.ok) throw new RefusalError(revoked);
      await record(tx, { what: 'token.revoked', by, token: revoked.value });
      return revoked.value;
    });
    return reply(c, ok(wireOf(view)));
  });

  return router;
}

function wireOf(view: TokenView): z.infer<typeof tokenSchema> {
  return {
    ...view,
    createdAt: view.createdAt.toISOString(),
    expiresAt: view.expiresAt.toISOString(),
    revokedAt: view.revokedAt?.toISOString() ?? null,
  };
}
