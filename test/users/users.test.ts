import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pay } from '../../core/payments/payments.ts';
import { userRoutes } from '../../core/users/users.routes.ts';
import { blockUser, readUser, setUserLevel, unblockUser } from '../../core/users/users.ts';
import { coreAtNow, NOW, rows } from '../orders/placing.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import type { CoreClient, TestCore } from '../support/core.ts';
import { place, placed } from '../support/orders.ts';

const NEVER = new AbortController().signal;
let core: TestCore;
let http: CoreClient;
let sku: number;
beforeAll(async () => {
  core = await coreAtNow();
  http = await core.http([userRoutes(core.ctx)]);
  [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: 1_000 }] });
});
afterAll(() => core[Symbol.asyncDispose]());

const code = (result: { ok: boolean; code?: string }) => (result.ok ? 'ok' : result.code);
const press = (payOrderId: string) => pay(core.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
const attempts = async (userId: number): Promise<unknown> =>
  (await rows(core.ctx, 'SELECT count(*) AS n FROM core.payment WHERE user_id = $1', userId))[0]?.['n'];

describe('a user', () => {
  it('of whom nothing was said has level 0, may order, and has no row', async () => {
    await placed(core.ctx, [sku], { userId: 501 });
    expect(await readUser(core.ctx.db, 501)).toEqual({ userId: 501, level: 0, blocked: null });
    expect(await rows(core.ctx, 'SELECT * FROM core.users WHERE id = 501')).toEqual([]);
  });

  it('keeps the first reason when blocked twice, and every change is one line of the log', async () => {
    await setUserLevel(core.ctx, 'shop', 502, 3);
    await blockUser(core.ctx, 'an operator', 502, 'chargebacks');
    expect(await blockUser(core.ctx, 'another', 502, 'something else')).toEqual({
      userId: 502,
      level: 3,
      blocked: { since: NOW, reason: 'chargebacks' },
    });
    expect(await unblockUser(core.ctx, 'an operator', 502, 'all well')).toMatchObject({ level: 3, blocked: null });
    await unblockUser(core.ctx, 'an operator', 502, 'all well');
    const log = await rows(
      core.ctx,
      `SELECT actor, operation, after->>'reason' AS reason FROM core.operation_log
        WHERE entity_type = 'user' AND entity_id = '502' ORDER BY id`,
    );
    expect(log).toEqual([
      { actor: 'shop', operation: 'level', reason: null },
      { actor: 'an operator', operation: 'block', reason: 'chargebacks' },
      { actor: 'an operator', operation: 'unblock', reason: 'all well' },
    ]);
  });

  it('who is blocked neither orders nor pays, until unblocked; what was placed answers its key again', async () => {
    const first = await placed(core.ctx, [sku], { userId: 503, key: 'before' });
    await blockUser(core.ctx, 'op', 503, 'fraud');
    const before = await rows(core.ctx, 'SELECT count(*) FROM core.pay_order');
    expect(code(await place(core.ctx, [sku], { userId: 503 }))).toBe('user_blocked');
    expect(await rows(core.ctx, 'SELECT count(*) FROM core.pay_order')).toEqual(before);
    expect(code(await press(first.payOrderId))).toBe('user_blocked');
    expect(await attempts(503)).toBe(0);
    expect(await place(core.ctx, [sku], { userId: 503, key: 'before' })).toMatchObject({
      ok: true,
      value: { replayed: true, created: { payOrderId: first.payOrderId } },
    });
    await unblockUser(core.ctx, 'op', 503, 'cleared');
    expect(code(await place(core.ctx, [sku], { userId: 503 }))).toBe('ok');
    expect(code(await press(first.payOrderId))).toBe('ok');
  });

  it('who is blocked while an attempt lives is refused at the second press, and the attempt stays', async () => {
    const { payOrderId } = await placed(core.ctx, [sku], { userId: 504 });
    expect(code(await press(payOrderId))).toBe('ok');
    await blockUser(core.ctx, 'op', 504, 'fraud');
    expect(code(await press(payOrderId))).toBe('user_blocked');
    expect(await attempts(504)).toBe(1);
  });
});

describe('races', () => {
  it('block against pay: an attempt stands or the payer was refused, and after the block nobody pays', async () => {
    const users = Array.from({ length: 12 }, (_, i) => 600 + i);
    for (const userId of users) {
      const { payOrderId } = await placed(core.ctx, [sku], { userId });
      const [paid] = await Promise.all([press(payOrderId), blockUser(core.ctx, 'op', userId, 'fraud')]);
      expect([code(paid), await attempts(userId)]).toEqual(paid.ok ? ['ok', 1] : ['user_blocked', 0]);
      expect(code(await press(payOrderId))).toBe('user_blocked');
      expect(code(await place(core.ctx, [sku], { userId }))).toBe('user_blocked');
    }
  });

  it('block against block: one line in the log', async () => {
    await Promise.all([1, 2, 3, 4].map((n) => blockUser(core.ctx, `op ${n}`, 700, `reason ${n}`)));
    expect(
      await rows(
        core.ctx,
        `SELECT count(*) AS n FROM core.operation_log WHERE entity_type = 'user' AND entity_id = '700'`,
      ),
    ).toEqual([{ n: 1 }]);
  });
});

describe('over HTTP', () => {
  const send = (role: Parameters<CoreClient['send']>[0], method: string, path: string, body?: unknown) =>
    http.send(role, method, `/v1/users/${path}`, body);

  it('blocks, reads and unblocks by role', async () => {
    expect(await send('shop', 'POST', '801/block', { reason: 'fraud' })).toMatchObject({
      status: 200,
      body: { userId: '801', level: 0, blocked: { since: NOW.toISOString(), reason: 'fraud' } },
    });
    expect((await send('viewer', 'GET', '801')).body).toMatchObject({ blocked: { reason: 'fraud' } });
    expect((await send('shop', 'POST', '801/unblock', { reason: 'x' })).status).toBe(403);
    expect((await send('operator', 'POST', '801/unblock', { reason: 'cleared' })).body).toMatchObject({
      blocked: null,
    });
    expect((await send('shop', 'PUT', '801/level', { level: 7 })).body).toMatchObject({ level: 7 });
  });

  it.each([
    ['viewer', 'POST', '1/block', { reason: 'x' }, 403],
    ['merchant', 'POST', '1/block', { reason: 'x' }, 403],
    ['shop', 'POST', '1/block', {}, 422],
    ['shop', 'POST', '1/block', { reason: ' ' }, 422],
    ['shop', 'POST', '0/block', { reason: 'x' }, 422],
    ['shop', 'POST', 'abc/block', { reason: 'x' }, 422],
    ['shop', 'PUT', '1/level', { level: -1 }, 422],
    ['shop', 'PUT', '1/level', { level: 1_001 }, 422],
    ['shop', 'PUT', '1/level', { level: 1.5 }, 422],
  ] as const)('%s %s %s %j answers %d', async (role, method, path, body, status) => {
    expect((await send(role, method, path, body)).status).toBe(status);
  });
});
