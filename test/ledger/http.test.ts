import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createToken } from '../../core/kernel/access/tokens.ts';
import * as booking from '../../core/ledger/booking.ts';
import { ledgerRoutes } from '../../core/ledger/ledger.routes.ts';
import { post } from '../../core/ledger/ledger.ts';
import { rebuildRoutes } from '../../core/ledger/rebuild.routes.ts';
import type { Reply } from '../support/app.ts';
import { type CoreClient, type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
let http: CoreClient;
beforeAll(async () => {
  core = await testCore();
  http = await core.http([ledgerRoutes(core.ctx), rebuildRoutes(core.ctx)]);
});
afterAll(() => core?.[Symbol.asyncDispose]());

let facts = 0;
async function topUp(userId: number, amount: number, tx: Parameters<typeof post>[0] | null = null): Promise<void> {
  facts += 1;
  const fact = { reference: `http_${facts}`, payOrderId: null, reason: 'a test', orderId: null };
  const posting = booking.walletToppedUp({ ...fact, currency: 'CNY', userId, amount });
  if (tx !== null) await post(tx, core.ctx.clock, posting);
  else await core.ctx.db.tx((own) => post(own, core.ctx.clock, posting));
}

/** All pages of a list, by its own cursors. */
async function pages(path: string, list: string, between: () => Promise<void> = async () => undefined) {
  const seen: Record<string, unknown>[] = [];
  let next: unknown = '';
  while (next !== null) {
    const { body } = await http.send('viewer', 'GET', `${path}?limit=3${next === '' ? '' : `&cursor=${next}`}`);
    seen.push(...(body[list] as Record<string, unknown>[]));
    next = body['next'];
    await between();
  }
  return seen;
}

describe('what a user holds', () => {
  test('is shown per currency, with a statement whose balances follow on each other', async () => {
    await topUp(7, 5_000);
    await core.ctx.db.tx(async (tx) => {
      const fact = { payOrderId: 'po_7', reason: 'a test' };
      await post(
        tx,
        core.ctx.clock,
        booking.walletHeld({ ...fact, reference: 'h', userId: 7, currency: 'CNY', amount: 1_200 }),
      );
      await post(
        tx,
        core.ctx.clock,
        booking.pointsEarned({ ...fact, reference: 'p', userId: 7, orderId: 'o_7', points: 50 }),
      );
    });
    expect((await http.send('shop', 'GET', '/v1/users/7/balances')).body).toEqual({
      items: [
        { accountId: 'points:7:PTS', currency: 'PTS', balance: '50' },
        { accountId: 'wallet:7:CNY', currency: 'CNY', balance: '3800' },
      ],
    });
    const { body } = await http.send('shop', 'GET', '/v1/users/7/balances/CNY/entries');
    expect(body).toMatchObject({
      items: [
        {
          number: 2,
          kind: 'wallet_held',
          payOrderId: 'po_7',
          change: { amount: -1_200, currency: 'CNY' },
          balanceAfter: '3800',
        },
        { number: 1, kind: 'wallet_topped_up', change: { amount: 5_000, currency: 'CNY' }, balanceAfter: '5000' },
      ],
      next: null,
    });
    expect((await http.send('shop', 'GET', '/v1/users/7/balances/PTS/entries')).body['items']).toHaveLength(1);
    expect((await http.send('shop', 'GET', '/v1/users/8/balances')).body).toEqual({ items: [] });
  });

  test('is not the business of merchants', async () => {
    await topUp(9, 100);
    for (const path of ['/v1/accounts/wallet:9:CNY', '/v1/accounts/wallet:9:CNY/entries', '/v1/users/9/balances'])
      expect((await http.send('merchant', 'GET', path)).status).toBe(403);
    const { body } = await http.send('viewer', 'GET', '/v1/accounts/wallet:9:CNY');
    expect(body).toEqual({
      id: 'wallet:9:CNY',
      kind: 'wallet',
      currency: 'CNY',
      balance: '100',
      floor: 0,
      sequence: 1,
    });
    expect((await http.send('merchant', 'GET', '/v1/accounts/merchant_payable:CNY')).status).toBe(200);
  });
});

describe('a statement in pages', () => {
  test('has every entry once while others are booked between the pages', async () => {
    for (let i = 1; i <= 10; i += 1) await topUp(20, i);
    const seen = await pages('/v1/users/20/balances/CNY/entries', 'items', () => topUp(20, 1_000));
    expect(seen.map(({ number }) => number)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test('of a platform account has every entry that was there once, while older transactions commit in between', async () => {
    const { db } = core.ctx;
    const there = new Set<string>();
    for (let i = 0; i < 12; i += 1) await topUp(21, 1);
    const rows = await db.query<{ id: string }>({
      text: `SELECT id::text AS id FROM core.entry WHERE account_id = 'merchant_payable:CNY'`,
    });
    for (const { id } of rows) there.add(id);
    let seen: Record<string, unknown>[] = [];
    await db.tx(async (slow) => {
      // Its id is older than those of what comes next, and it commits into the middle of what is being read.
      await slow.query({ text: 'SELECT pg_current_xact_id()' });
      for (let i = 0; i < 5; i += 1) {
        await topUp(21, 2);
        const [own] = await db.query<{ id: string }>({
          text: `SELECT max(id)::text AS id FROM core.entry WHERE account_id = 'merchant_payable:CNY'`,
        });
        there.add(own?.id ?? '');
      }
      const first = await http.send('viewer', 'GET', '/v1/accounts/merchant_payable:CNY/entries?limit=3');
      seen = first.body['entries'] as Record<string, unknown>[];
      await topUp(22, 77, slow);
      seen.push({ next: first.body['next'] });
    });
    let next = seen.pop()?.['next'];
    while (next !== null) {
      const { body } = await http.send(
        'viewer',
        'GET',
        `/v1/accounts/merchant_payable:CNY/entries?limit=3&cursor=${next}`,
      );
      seen.push(...(body['entries'] as Record<string, unknown>[]));
      next = body['next'];
      await topUp(23, 3);
    }
    const ids = seen.map(({ id }) => String(id));
    expect(new Set(ids).size).toBe(ids.length);
    expect([...there].filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('is exact beyond 2^53', async () => {
    const { db, clock } = core.ctx;
    const most = 100_000_000_000_000;
    await db.tx(async (tx) => {
      for (let i = 0; i < 120; i += 1) {
        const fact = { reference: `big_${i}`, payOrderId: null, reason: 'a test' };
        await post(tx, clock, booking.settlement({ ...fact, channel: 'big', currency: 'KWD', net: most - 1, fee: 0 }));
      }
    });
    const exact = (120n * BigInt(most - 1)).toString();
    expect(BigInt(exact)).toBeGreaterThan(2n ** 53n);
    const bank = await http.send('viewer', 'GET', '/v1/accounts/bank:KWD');
    const held = await http.send('viewer', 'GET', '/v1/accounts/clearing:big:KWD');
    expect([bank.body['balance'], held.body['balance']]).toEqual([exact, `-${exact}`]);
  });
});

describe('a drifted balance', () => {
  const propose = (account: string, role: 'operator' | 'viewer' = 'operator') =>
    http.send(role, 'POST', `/v1/accounts/${account}/rebuilds`, { reason: 'a finding' });
  const approve = (id: unknown, headers: Record<string, string>) =>
    send('POST', `/v1/rebuilds/${id}/approve`, { reason: 'looked at it' }, headers);

  async function send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Reply> {
    const answer = await http.app.request(path, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
  }

  async function tokenOf(name: string, issuedBy = 'the office'): Promise<Record<string, string>> {
    const made = await createToken(core.ctx.db, core.ctx, { name, role: 'approver', issuedBy, ttlMs: 3_600_000 });
    if (!made.ok) throw new Error(made.detail);
    return { authorization: `Bearer ${made.value.token}` };
  }

  /** A wallet that stores more than it has, as a torn restore would leave it. */
  async function drifted(userId: number): Promise<string> {
    await topUp(userId, 500);
    await topUp(userId, 20);
    const id = `wallet:${userId}:CNY`;
    await core.ctx.db.query({
      text: 'UPDATE core.account SET balance = 900, sequence = 5 WHERE id = $1',
      values: [id],
    });
    return id;
  }

  async function stored(id: string) {
    const [row] = await core.ctx.db.query({
      text: 'SELECT balance, sequence FROM core.account WHERE id = $1',
      values: [id],
    });
    return row;
  }

  test('is rebuilt from the journal by two people, and it is written down', async () => {
    const id = await drifted(31);
    const proposed = await propose(id);
    expect(proposed).toMatchObject({
      status: 201,
      body: { stored: { balance: '900', sequence: 5 }, journal: { balance: '520', sequence: 2 }, decision: null },
    });
    expect(await stored(id)).toEqual({ balance: 900, sequence: 5 });
    expect((await propose(id)).body['id']).toBe(proposed.body['id']);
    const headers = await tokenOf('Li Lei');
    const both = await Promise.all([approve(proposed.body['id'], headers), approve(proposed.body['id'], headers)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect(await stored(id)).toEqual({ balance: 520, sequence: 2 });
    const log = await core.ctx.db.query({
      text: `SELECT actor, operation FROM core.operation_log WHERE entity_type = 'account' AND entity_id = $1 ORDER BY id`,
      values: [id],
    });
    expect(log).toEqual([
      { actor: 'a operator', operation: 'rebuild.proposed' },
      { actor: 'Li Lei', operation: 'rebuild.applied' },
    ]);
    await topUp(31, 1);
    expect(await stored(id)).toEqual({ balance: 521, sequence: 3 });
  });

  test('is not rebuilt by who proposed it, nor where one issued the token of the other', async () => {
    const id = await drifted(32);
    const proposed = await propose(id);
    const refused = [
      await tokenOf('a operator'),
      await tokenOf('somebody', 'a operator'),
      // The name that issued the proposer's token.
      await tokenOf('a test'),
    ];
    for (const headers of refused) {
      const answer = await approve(proposed.body['id'], headers);
      expect([answer.status, answer.body['code']]).toEqual([403, 'second_person_needed']);
    }
    expect((await approve(proposed.body['id'], await http.as('operator'))).status).toBe(403);
    expect((await propose(id, 'viewer')).status).toBe(403);
    expect(await stored(id)).toEqual({ balance: 900, sequence: 5 });
  });

  test('that moved since is proposed anew', async () => {
    const id = await drifted(33);
    const proposed = await propose(id);
    await topUp(33, 4);
    const headers = await tokenOf('Li Lei');
    const late = await approve(proposed.body['id'], headers);
    expect([late.status, late.body['code']]).toEqual([409, 'wrong_state']);
    const rejected = await http.send('operator', 'POST', `/v1/rebuilds/${proposed.body['id']}/reject`, {
      reason: 'moved',
    });
    expect(rejected).toMatchObject({ status: 200, body: { decision: 'rejected' } });
    expect((await approve(proposed.body['id'], headers)).body['code']).toBe('wrong_state');
    const again = await propose(id);
    expect(await approve(again.body['id'], headers)).toMatchObject({ status: 200, body: { decision: 'applied' } });
    expect(await stored(id)).toMatchObject({ balance: 524 });
  });

  test('is refused where nothing drifted, nothing is stored, or nothing was proposed', async () => {
    await topUp(34, 10);
    expect((await propose('wallet:34:CNY')).body['code']).toBe('wrong_state');
    expect((await propose('merchant_payable:CNY')).body['code']).toBe('account_unknown');
    expect((await approve('rbd_none', await tokenOf('Li Lei'))).body['code']).toBe('rebuild_unknown');
  });
});
