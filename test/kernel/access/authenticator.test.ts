import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TokenAuthenticator } from '../../../core/kernel/access/authenticator.ts';
import type { Role } from '../../../core/kernel/access/roles.ts';
import { createToken, listTokens, parseToken, revokeToken } from '../../../core/kernel/access/tokens.ts';
import { VirtualClock } from '../../../core/kernel/clock.ts';
import type { Query, Sql } from '../../../core/kernel/db/database.ts';
import { silent, type TestDatabase, testDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
const HOUR = 3_600_000;

/** The database, with its queries counted and, when told, failing. */
class Counting implements Sql {
  queries = 0;
  failing = false;
  async query<Row extends object>(query: Query): Promise<Row[]> {
    this.queries += 1;
    if (this.failing) throw new Error('the database is away');
    return database.db.query<Row>(query);
  }
}

let sql: Counting;
let auth: TokenAuthenticator;
beforeEach(() => {
  sql = new Counting();
  auth = new TokenAuthenticator({ sql, clock, log: silent });
  return () => auth[Symbol.dispose]();
});

async function issue(name = 'vera', role: Role = 'viewer', ttlMs = HOUR) {
  const made = await createToken(database.db, { clock }, { name, role, issuedBy: 'ada', ttlMs });
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

describe('a token', () => {
  it('is shown once: what is stored cannot be turned into it', async () => {
    const { token, view } = await issue();
    expect(token).toMatch(/^tg_[0-9a-z]{16}_[A-Za-z0-9_-]{43}$/);
    const rows = await database.db.query({ text: 'SELECT * FROM core.token WHERE id = $1', values: [view.id] });
    expect(JSON.stringify(rows)).not.toContain(parseToken(token)?.secret);
    expect(rows[0]).toMatchObject({ hash: expect.stringMatching(/^[0-9a-f]{64}$/), issued_by: 'ada', role: 'viewer' });
  });

  it('names who asks', async () => {
    const { token, view } = await issue('omar', 'operator');
    expect(await auth.authenticate(`Bearer ${token}`)).toEqual({
      ok: true,
      value: { tokenId: view.id, name: 'omar', role: 'operator', issuedBy: 'ada', expiresAt: view.expiresAt },
    });
  });

  it.each([
    ['', HOUR],
    ['x'.repeat(101), HOUR],
    ['a\nb', HOUR],
    [' lead', HOUR],
    ['ada', 59_999],
    ['ada', 367 * 24 * HOUR],
    ['ada', 0.5],
    ['ada', Number.NaN],
  ])('of name %j and life %d ms is refused', async (name, ttlMs) => {
    const made = await createToken(database.db, { clock }, { name, role: 'admin', issuedBy: 'ada', ttlMs });
    expect(made).toMatchObject({ ok: false, code: 'invalid_request' });
  });

  it('names people in their own script', async () => {
    expect(
      await createToken(database.db, { clock }, { name: '王小明', role: 'viewer', issuedBy: 'ada', ttlMs: HOUR }),
    ).toMatchObject({ ok: true });
  });
});

const NO_GOOD = {
  ok: false,
  code: 'unauthenticated',
  detail: 'The token is not one of ours, or it has expired or was revoked.',
};

describe('nobody comes in', () => {
  it('without a header', async () => {
    expect(await auth.authenticate(undefined)).toMatchObject({ ok: false, code: 'unauthenticated' });
    expect(sql.queries).toBe(0);
  });

  it.each(['', 'Bearer', 'Bearer x', 'Basic dXNlcjpwdw==', 'Bearer tg_short_x', `Bearer ${'x'.repeat(10_000)}`])(
    'with a header that is no token, which costs no query: %j',
    async (header) => {
      expect(await auth.authenticate(header)).toEqual(NO_GOOD);
      expect(sql.queries).toBe(0);
    },
  );

  it('with the id of one token and the secret of another', async () => {
    const [mine, theirs] = [await issue('mine'), await issue('theirs')];
    const forged = `tg_${theirs.view.id}_${parseToken(mine.token)?.secret}`;
    expect(await auth.authenticate(`Bearer ${forged}`)).toEqual(NO_GOOD);
  });

  it('with a secret that differs in its last letter', async () => {
    const { token } = await issue();
    // The last of 43 letters carries four bits: these two letters differ in them.
    const forged = token.slice(0, -1) + (token.endsWith('A') ? 'Q' : 'A');
    expect(await auth.authenticate(`Bearer ${forged}`)).toEqual(NO_GOOD);
  });

  it('with an unknown id; asking again costs no second query', async () => {
    const unknown = `Bearer tg_${'0'.repeat(16)}_${'A'.repeat(43)}`;
    expect(await auth.authenticate(unknown)).toEqual(NO_GOOD);
    expect(await auth.authenticate(unknown)).toEqual(NO_GOOD);
    expect(sql.queries).toBe(1);
  });

  it('with an expired token, from the very moment, cached or not', async () => {
    const own = new VirtualClock(clock.now());
    auth = new TokenAuthenticator({ sql, clock: own, log: silent });
    const { token } = await issue('eve', 'viewer', 60_000);
    expect(await auth.authenticate(`Bearer ${token}`)).toMatchObject({ ok: true });
    own.advance(59_999);
    expect(await auth.authenticate(`Bearer ${token}`)).toMatchObject({ ok: true });
    own.advance(1);
    expect(await auth.authenticate(`Bearer ${token}`)).toEqual(NO_GOOD);
  });

  it('with a revoked token, within 2 s of the revocation, on a process that had just used it', async () => {
    const { token, view } = await issue();
    expect(await auth.authenticate(`Bearer ${token}`)).toMatchObject({ ok: true });
    const revokedMs = performance.now();
    expect(await revokeToken(database.db, { clock }, view.id, 'ada')).toMatchObject({
      ok: true,
      value: { revokedBy: 'ada' },
    });
    await eventually(async () => expect(await auth.authenticate(`Bearer ${token}`)).toEqual(NO_GOOD), {
      timeoutMs: 5_000,
    });
    expect(performance.now() - revokedMs).toBeLessThan(2_000);
  });
});

describe('the cache', () => {
  it('asks once for many requests at once, and not again for the next', async () => {
    const { token } = await issue();
    const answers = await Promise.all(Array.from({ length: 50 }, () => auth.authenticate(`Bearer ${token}`)));
    expect(answers.every(({ ok }) => ok)).toBe(true);
    await auth.authenticate(`Bearer ${token}`);
    expect(sql.queries).toBe(1);
  });

  it('does not remember that the database was away', async () => {
    const { token } = await issue();
    sql.failing = true;
    await expect(auth.authenticate(`Bearer ${token}`)).rejects.toThrow('away');
    sql.failing = false;
    expect(await auth.authenticate(`Bearer ${token}`)).toMatchObject({ ok: true });
  });
});

describe('revoking and listing', () => {
  it('revoking twice keeps who did it first; an unknown id is refused', async () => {
    const { view } = await issue();
    const first = await revokeToken(database.db, { clock }, view.id, 'ada');
    expect(await revokeToken(database.db, { clock }, view.id, 'bob')).toEqual(first);
    expect(await revokeToken(database.db, { clock }, 'nobody', 'ada')).toMatchObject({
      ok: false,
      code: 'token_unknown',
    });
  });

  it('lists newest first, in pages that neither repeat nor miss one', async () => {
    await using own = await testDatabase();
    const moving = new VirtualClock(clock.now());
    for (let i = 0; i < 5; i += 1) {
      if (i !== 2) moving.advance(1_000);
      await createToken(own.db, { clock: moving }, { name: `n${i}`, role: 'viewer', issuedBy: 'ada', ttlMs: HOUR });
    }
    const all = await listTokens(own.db, { limit: 10 });
    expect(all.map(({ name }) => name).filter((name) => name !== 'n1' && name !== 'n2')).toEqual(['n4', 'n3', 'n0']);
    const first = await listTokens(own.db, { limit: 3 });
    expect([...first, ...(await listTokens(own.db, { limit: 3, after: first.at(-1) }))]).toEqual(all);
  });
});

describe('watching', () => {
  it('calls back when the token is revoked or has expired, once, and not for others', async () => {
    const own = new VirtualClock(clock.now());
    auth = new TokenAuthenticator({ sql, clock: own, log: silent });
    const ended: string[] = [];
    const watch = async (name: string, ttlMs: number) => {
      const { token, view } = await issue(name, 'viewer', ttlMs);
      const who = await auth.authenticate(`Bearer ${token}`);
      if (!who.ok) throw new Error(who.detail);
      return { view, watching: auth.watch(who.value, () => void ended.push(name)) };
    };
    const revoked = await watch('revoked', HOUR);
    await watch('expired', 60_000);
    await watch('good', HOUR);
    const left = await watch('left', HOUR);
    left.watching[Symbol.dispose]();
    await revokeToken(database.db, { clock }, revoked.view.id, 'ada');
    await revokeToken(database.db, { clock }, left.view.id, 'ada');
    own.advance(60_000);
    await eventually(() => expect(ended.toSorted()).toEqual(['expired', 'revoked']));
    revoked.watching[Symbol.dispose]();
    expect(ended).toHaveLength(2);
  });

  it('keeps streams open while the database is away, and ends them after', async () => {
    const { token, view } = await issue();
    const who = await auth.authenticate(`Bearer ${token}`);
    if (!who.ok) throw new Error(who.detail);
    let ended = false;
    auth.watch(who.value, () => {
      ended = true;
    });
    await revokeToken(database.db, { clock }, view.id, 'ada');
    sql.failing = true;
    const before = sql.queries;
    await eventually(() => expect(sql.queries).toBeGreaterThan(before));
    expect(ended).toBe(false);
    sql.failing = false;
    await eventually(() => expect(ended).toBe(true));
  });
});
