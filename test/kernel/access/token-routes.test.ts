import { z } from '@hono/zod-openapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenAuthenticator } from '../../../core/kernel/access/authenticator.ts';
import { requireRole } from '../../../core/kernel/access/guard.ts';
import { ROLES, type Role } from '../../../core/kernel/access/roles.ts';
import { type TokenEvent, tokenRoutes } from '../../../core/kernel/access/tokens.routes.ts';
import { createToken } from '../../../core/kernel/access/tokens.ts';
import { systemClock } from '../../../core/kernel/clock.ts';
import { ok } from '../../../core/kernel/errors.ts';
import { reply } from '../../../core/kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../../../core/kernel/http/route.ts';
import { wire } from '../../../core/kernel/http/wire.ts';
import { type TestApp, testApp } from '../../support/app.ts';
import { silent, type TestDatabase, testDatabase } from '../../support/database.ts';

let database: TestDatabase;
let target: TestApp;
const events: TokenEvent[] = [];
const tokens = {} as Record<Role, string>;
let recordFails = false;

const router = createRouter();
router.openapi(
  route({
    method: 'post',
    path: '/v1/orders',
    access: ['shop', 'operator'],
    request: { body: jsonBody(wire.object({ n: z.int() })) },
    responses: { 200: json(wire.object({ by: z.string() }), 'Who') },
  }),
  async (c) => reply(c, ok({ by: c.get('principal').name })),
);
router.get('/v1/plain', requireRole('instance'), (c) => c.text('for instances'));

beforeAll(async () => {
  database = await testDatabase();
  const { db } = database;
  const auth = new TokenAuthenticator({ sql: db, clock: systemClock, log: silent });
  for (const role of ROLES) {
    const made = await createToken(
      db,
      { clock: systemClock },
      { name: `the-${role}`, role, issuedBy: 'setup', ttlMs: 3_600_000 },
    );
    if (made.ok) tokens[role] = made.value.token;
  }
  const record = async (_tx: unknown, event: TokenEvent) => {
    if (recordFails) throw new Error('the audit cannot be written');
    events.push(event);
  };
  target = testApp([router, tokenRoutes({ db, clock: systemClock, record })], { auth });
});
afterAll(() => database[Symbol.asyncDispose]());

const as = (role: Role) => ({ authorization: `Bearer ${tokens[role]}` });

describe('a route', () => {
  it.each(ROLES)('answers a token of role %s by the ladder', async (role) => {
    const { status, body } = await target.send('POST', '/v1/orders', { n: 1 }, as(role));
    if (['shop', 'operator', 'approver', 'admin'].includes(role)) {
      expect({ status, body }).toEqual({ status: 200, body: { by: `the-${role}` } });
    } else {
      expect(body).toMatchObject({
        status: 403,
        code: 'forbidden',
        detail: `This needs the role shop or operator or above; the token of the-${role} is ${role}.`,
        neededRoles: ['shop', 'operator'],
      });
    }
  });

  it('answers 401 without a token, before it looks at the body', async () => {
    const { status, headers, body } = await target.send('POST', '/v1/orders', { wrong: true });
    expect({ status, code: body['code'] }).toEqual({ status: 401, code: 'unauthenticated' });
    expect(headers.get('www-authenticate')).toBe('Bearer realm="tidegate"');
    expect((await target.send('POST', '/v1/orders', { wrong: true }, as('viewer'))).status).toBe(403);
    expect((await target.send('POST', '/v1/orders', { wrong: true }, as('shop'))).status).toBe(422);
  });

  it('for instances does not take an admin, who cannot speak for a machine', async () => {
    expect((await target.send('GET', '/v1/plain', undefined, as('instance'))).status).toBe(200);
    expect((await target.send('GET', '/v1/plain', undefined, as('admin'))).status).toBe(403);
    expect((await target.send('GET', '/v1/plain')).status).toBe(401);
  });

  it('that is open to everybody needs no token', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
      expect((await target.send('GET', path)).status, path).toBe(200);
    }
  });

  it('says in the OpenAPI document who may come in', async () => {
    const { body } = await target.send('GET', '/openapi.json');
    expect(body).toMatchObject({
      paths: { '/v1/orders': { post: { security: [{ bearer: [] }], 'x-roles': ['shop', 'operator'] } } },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    });
  });
});

describe('/v1/tokens', () => {
  it('is for admins', async () => {
    for (const role of ROLES.filter((one) => one !== 'admin')) {
      expect((await target.send('GET', '/v1/tokens', undefined, as(role))).status, role).toBe(403);
    }
  });

  it('issues a token that works, lists it without its secret, and revokes it; each is recorded', async () => {
    events.length = 0;
    const made = await target.send(
      'POST',
      '/v1/tokens',
      { name: 'omar', role: 'operator', ttlSeconds: 600 },
      as('admin'),
    );
    expect(made.status).toBe(201);
    const { token, id } = made.body as { token: string; id: string };
    expect(made.body).toMatchObject({ name: 'omar', role: 'operator', issuedBy: 'the-admin', revokedAt: null });
    const asOmar = { authorization: `Bearer ${token}` };
    expect((await target.send('POST', '/v1/orders', { n: 1 }, asOmar)).body).toEqual({ by: 'omar' });

    const listed = await target.send('GET', '/v1/tokens', undefined, as('admin'));
    expect(JSON.stringify(listed.body)).toContain(id);
    expect(JSON.stringify(listed.body)).not.toContain(token.slice(-43));

    const revoked = await target.send('DELETE', `/v1/tokens/${id}`, undefined, as('admin'));
    expect({ status: revoked.status, by: revoked.body['revokedBy'] }).toEqual({ status: 200, by: 'the-admin' });
    expect(events.map(({ what, by, token: { name } }) => ({ what, by, name }))).toEqual([
      { what: 'token.created', by: 'the-admin', name: 'omar' },
      { what: 'token.revoked', by: 'the-admin', name: 'omar' },
    ]);
  });

  it('changes nothing that could not be recorded', async () => {
    recordFails = true;
    const made = await target.send('POST', '/v1/tokens', { name: 'ghost', role: 'admin' }, as('admin'));
    recordFails = false;
    expect(made.status).toBe(500);
    expect(await database.db.query({ text: `SELECT 1 FROM core.token WHERE name = 'ghost'` })).toEqual([]);
  });

  it('refuses what does not fit', async () => {
    const post = (body: unknown) => target.send('POST', '/v1/tokens', body, as('admin'));
    expect((await post({ name: 'x', role: 'root' })).body).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'role' }],
    });
    expect((await post({ name: 'x', role: 'admin', ttlSeconds: 59 })).body).toMatchObject({
      errors: [{ path: 'ttlSeconds' }],
    });
    expect((await post({ name: ' x', role: 'admin' })).body).toMatchObject({ code: 'invalid_request' });
    expect((await target.send('DELETE', '/v1/tokens/nobody', undefined, as('admin'))).body).toMatchObject({
      status: 404,
      code: 'token_unknown',
    });
    expect((await target.send('GET', '/v1/tokens?cursor=xyz', undefined, as('admin'))).body).toMatchObject({
      code: 'invalid_cursor',
    });
  });

  it('pages by cursor through all of them', async () => {
    const names: string[] = [];
    let path = '/v1/tokens?limit=3';
    for (;;) {
      const { body } = await target.send('GET', path, undefined, as('admin'));
      const { items, next } = body as { items: { id: string }[]; next: string | null };
      names.push(...items.map(({ id }) => id));
      if (next === null) break;
      path = `/v1/tokens?limit=3&cursor=${next}`;
    }
    const [{ count } = { count: 0 }] = await database.db.query<{ count: number }>({
      text: 'SELECT count(*) FROM core.token',
    });
    expect(new Set(names).size).toBe(count);
    expect(names).toHaveLength(count);
  });
});
