import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMs, systemClock } from '../../core/kernel/clock.ts';
import { type PayStatus, pay } from '../../core/payments/payments.ts';
import { release, reserve, stockOf } from '../../core/stock/stock.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { placed } from '../support/orders.ts';
import { FakeChannel } from '../support/outside.ts';

const NEVER = new AbortController().signal;
const MINUTE_MS = 60_000;
let core: TestCore;

beforeAll(async () => {
  core = await testCore({ channels: [new FakeChannel()] });
});
afterAll(() => core?.[Symbol.asyncDispose]());

async function order(...stock: number[]): Promise<{ payOrderId: string; orderId: string; skus: number[] }> {
  const skus = await skusOnShelf(core.ctx, { skus: stock.map((n) => ({ stock: n })) });
  const created = await placed(core.ctx, skus);
  return { payOrderId: created.payOrderId, orderId: created.orders[0]?.orderId ?? '', skus };
}

const press = (payOrderId: string, channel = 'sandbox') => pay(core.ctx, { payOrderId, channel }, NEVER);

async function reservations(orderId: string): Promise<{ state: string; expires_at: Date }[]> {
  return core.ctx.db.query({
    text: 'SELECT state, expires_at FROM core.reservation WHERE order_id = $1 ORDER BY id',
    values: [orderId],
  });
}

async function attempts(payOrderId: string): Promise<string[]> {
  const rows = await core.ctx.db.query<{ state: string }>({
    text: 'SELECT state FROM core.payment WHERE pay_order_id = $1 ORDER BY attempt_no',
    values: [payOrderId],
  });
  return rows.map(({ state }) => state);
}

async function expire(orderId: string, at: Date): Promise<void> {
  await core.ctx.db.query({
    text: 'UPDATE core.reservation SET expires_at = $2, due_at = $2 WHERE order_id = $1',
    values: [orderId, at],
  });
}

describe('pay', () => {
  test('opens an attempt, and answers with the same one when it is pressed twice or by many at once', async () => {
    const { payOrderId } = await order(5);
    const first = await press(payOrderId);
    expect(first).toMatchObject({ ok: true, value: { state: 'P7' } });
    expect(await press(payOrderId)).toEqual(first);
    const { payOrderId: other } = await order(5);
    const many = await Promise.all(Array.from({ length: 6 }, () => press(other)));
    expect(new Set(many.map((one) => (one.ok ? (one.value satisfies PayStatus).paymentId : one.code))).size).toBe(1);
    expect(await attempts(other)).toEqual(['P7']);
  });

  test('does not write a reservation anew that outlives the attempt by far', async () => {
    const { payOrderId, orderId } = await order(5);
    const before = await reservations(orderId);
    await press(payOrderId);
    expect(await reservations(orderId)).toEqual(before);
  });

  test('renews a reservation that would lapse while the attempt lives, or soon after it', async () => {
    const { payOrderId, orderId } = await order(5, 5);
    await expire(orderId, addMs(systemClock.now(), 20 * MINUTE_MS));
    await press(payOrderId);
    const until = addMs(systemClock.now(), 29 * MINUTE_MS);
    for (const row of await reservations(orderId)) {
      expect(row.state).toBe('held');
      expect(row.expires_at.getTime()).toBeGreaterThan(until.getTime());
    }
  });

  test('reserves again what had lapsed, while it is there', async () => {
    const { payOrderId, orderId, skus } = await order(5);
    await core.ctx.db.tx((tx) => release(tx, orderId));
    expect(await press(payOrderId)).toMatchObject({ ok: true, value: { state: 'P7' } });
    expect(await reservations(orderId)).toMatchObject([{ state: 'held' }]);
    expect((await stockOf(core.ctx.db, skus)).get(skus[0] ?? 0)).toEqual({ onHand: 4, reserved: 1, sold: 0 });
  });

  test('is refused when what had lapsed is gone, and leaves no attempt behind', async () => {
    const { payOrderId, orderId, skus } = await order(1, 3);
    await core.ctx.db.tx((tx) => release(tx, orderId));
    await core.ctx.db.tx((tx) =>
      reserve(
        tx,
        'another order',
        [{ skuId: skus[0] ?? 0, quantity: 1, warehouseId: 1, deductAt: 'reserve' }],
        systemClock.now(),
      ),
    );
    expect(await press(payOrderId)).toMatchObject({ ok: false, code: 'sold_out' });
    expect(await attempts(payOrderId)).toEqual([]);
    expect(await reservations(orderId)).toMatchObject([{ state: 'released' }, { state: 'released' }]);
    expect((await stockOf(core.ctx.db, skus)).get(skus[1] ?? 0)).toEqual({ onHand: 3, reserved: 0, sold: 0 });
  });

  test('is refused for a channel or a pay order that nobody knows, and after its deadline', async () => {
    const { payOrderId } = await order(5);
    expect(await press(payOrderId, 'nowhere')).toMatchObject({ ok: false, code: 'channel_unknown' });
    expect(await press('1700000000000000000')).toMatchObject({ ok: false, code: 'pay_order_unknown' });
    await core.ctx.db.query({
      text: 'UPDATE core.pay_order SET expires_at = $2 WHERE id = $1',
      values: [payOrderId, addMs(systemClock.now(), -1)],
    });
    expect(await press(payOrderId)).toMatchObject({ ok: false, code: 'pay_order_closed' });
    expect(await attempts(payOrderId)).toEqual([]);
  });
});
