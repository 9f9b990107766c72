import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setPrice } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import { refuse } from '../../core/kernel/errors.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { drainOnce, FloodDrain } from '../../core/orders/drain.ts';
import { orderRoutes } from '../../core/orders/orders.routes.ts';
import { ticketRoutes } from '../../core/orders/tickets.routes.ts';
import { cancelTicket, readTicket, storeUp } from '../../core/orders/tickets.ts';
import { blockUser } from '../../core/users/users.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, type PlaceOptions, place, placed, submitted } from '../support/orders.ts';
import { dyingAt } from './dying.ts';
import { coupon, everything, rows } from './placing.ts';

/* Orders stored up while a wave is too high (订单蓄洪). Each test has a queue of its own. */

const NEVER = new AbortController().signal;
let core: TestCore;
let ctx: CoreContext;
let sku: number;
beforeEach(async () => {
  core = await testCore({ poolSize: 8 });
  ctx = core.ctx;
  [sku = 0] = await skusOnShelf(ctx, { skus: [{ price: '79.00', stock: 100 }] });
  core.guard.off.add('orders.direct');
});
afterEach(() => core[Symbol.asyncDispose]());

const calm = (): void => core.guard.off.clear();
const drain = (limit = 50) => drainOnce(ctx, limit, NEVER);

async function queued(items: readonly (number | { skuId: number; quantity: number })[], options: PlaceOptions = {}) {
  const result = await submitted(ctx, items, options);
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  if (result.value.kind !== 'queued') throw new Error('it was placed');
  return result.value.ticket;
}

async function ticket(id: string) {
  const read = await readTicket(ctx, id);
  if (!read.ok) throw new Error(read.detail);
  const { row, position } = read.value;
  return { state: row.state, position, payOrderId: row.pay_order_id, refusal: row.refusal };
}

const orderCount = async (): Promise<unknown> =>
  (await rows(ctx, 'SELECT count(*) AS n FROM core.pay_order'))[0]?.['n'];

describe('while orders are stored up', () => {
  it('an order becomes a ticket that holds nothing, and in its turn the order that it asked for', async () => {
    const before = await everything(ctx);
    const first = await queued([{ skuId: sku, quantity: 2 }], { userId: 1 });
    const second = await queued([sku], { userId: 2 });
    expect(await everything(ctx)).toMatchObject({ ...(before as object), events: expect.anything() });
    expect([await ticket(first.id), await ticket(second.id)]).toMatchObject([
      { state: 'QUEUED', position: 1 },
      { state: 'QUEUED', position: 2 },
    ]);
    expect(await drain(1)).toEqual({ placed: 1, refused: 0, kept: 0 });
    expect((await ticket(second.id)).position).toBe(1);
    expect(await drain()).toEqual({ placed: 1, refused: 0, kept: 0 });
    const { payOrderId, ...ended } = await ticket(first.id);
    expect(ended).toEqual({ state: 'PLACED', position: null, refusal: null });
    expect(await rows(ctx, 'SELECT user_id, payable FROM core.pay_order WHERE id = $1', payOrderId)).toEqual([
      { user_id: 1, payable: 15_800 },
    ]);
  });

  it('the key belongs to its ticket, and then to its order', async () => {
    const one = await queued([sku], { key: 'mine' });
    expect(await submitted(ctx, [sku], { key: 'mine' })).toMatchObject({
      ok: true,
      value: { kind: 'queued', replayed: true, ticket: { id: one.id } },
    });
    expect(await submitted(ctx, [sku, sku], { key: 'mine' })).toMatchObject({ code: 'idempotency_key_reused' });
    await drain();
    const { payOrderId } = await ticket(one.id);
    const again = { ok: true, value: { kind: 'placed', replayed: true, created: { payOrderId } } };
    expect(await submitted(ctx, [sku], { key: 'mine' })).toMatchObject(again);
    calm();
    expect(await submitted(ctx, [sku], { key: 'mine' })).toMatchObject(again);
    expect(await orderCount()).toBe(1);
  });

  it('the key of an order placed before answers that order', async () => {
    calm();
    const { payOrderId } = await placed(ctx, [sku], { key: 'before' });
    core.guard.off.add('orders.direct');
    expect(await submitted(ctx, [sku], { key: 'before' })).toMatchObject({
      ok: true,
      value: { kind: 'placed', replayed: true, created: { payOrderId } },
    });
  });

  it('eight requests of one key at once are one ticket', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => queued([sku], { key: 'eight' })));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
  });

  it('what could never become an order is refused at once, and leaves no ticket', async () => {
    expect(await submitted(ctx, [999_999_999])).toMatchObject({ code: 'sku_unknown' });
    await blockUser(ctx, 'op', 7, 'fraud');
    expect(await submitted(ctx, [sku], { userId: 7 })).toMatchObject({ code: 'user_blocked' });
    expect(await rows(ctx, 'SELECT id FROM core.ticket')).toEqual([]);
  });

  it('the queue is bounded, and says when to come back', async () => {
    const flood = { ...ctx.terms.flood, capacity: 2, perSecond: 1 };
    const small = { ...ctx, terms: { ...ctx.terms, flood } };
    for (const userId of [1, 2]) expect((await submitted(small, [sku], { userId })).ok).toBe(true);
    expect(await submitted(small, [sku], { userId: 3 })).toMatchObject({
      code: 'queue_full',
      meta: { retryAfterMs: 200 },
    });
    await drain(1);
    expect((await submitted(small, [sku], { userId: 3 })).ok).toBe(true);
  });

  it('a ticket that is asked for again takes no place in it', async () => {
    const small = { ...ctx, terms: { ...ctx.terms, flood: { ...ctx.terms.flood, capacity: 5 } } };
    for (let i = 0; i < 6; i += 1) await queued([sku], { userId: 1, key: 'again' });
    expect((await queued([sku], { userId: 2 })).seq).toBe((await queued([sku], { userId: 1, key: 'again' })).seq + 1);
    for (const userId of [3, 4, 5]) expect((await submitted(small, [sku], { userId })).ok).toBe(true);
    expect(await submitted(small, [sku], { userId: 6 })).toMatchObject({ code: 'queue_full' });
  });
});

describe('at the drain', () => {
  it('a price that has changed since is refused with both, whether or not the shopper named one', async () => {
    const one = await queued([sku]);
    await setPrice(ctx, 'm', sku, { price: { amount: 8_900, currency: 'CNY' } });
    expect(await drain()).toEqual({ placed: 0, refused: 1, kept: 0 });
    expect(await ticket(one.id)).toMatchObject({
      state: 'REFUSED',
      refusal: { code: 'price_changed', errors: [{ message: `SKU ${sku} costs 89.00 CNY now, not 79.00 CNY` }] },
    });
  });

  it('the last piece goes to the first in the queue, and the coupon with its first user', async () => {
    const [last = 0] = await skusOnShelf(ctx, { skus: [{ stock: 1 }] });
    const tickets = [];
    for (const userId of [1, 2, 3, 4]) tickets.push(await queued([last], { userId }));
    const code = await coupon(ctx, 100);
    for (const userId of [5, 6]) tickets.push(await queued([sku], { userId, couponCode: code }));
    expect(await drain()).toEqual({ placed: 2, refused: 4, kept: 0 });
    const ends = await Promise.all(tickets.map(({ id }) => ticket(id)));
    expect(ends.map(({ state, refusal }) => refusal?.code ?? state)).toEqual([
      'PLACED',
      'sold_out',
      'sold_out',
      'sold_out',
      'PLACED',
      'coupon_unusable',
    ]);
  });

  it('who was blocked meanwhile is refused', async () => {
    const one = await queued([sku], { userId: 9 });
    await blockUser(ctx, 'op', 9, 'fraud');
    await drain();
    expect(await ticket(one.id)).toMatchObject({ state: 'REFUSED', refusal: { code: 'user_blocked' } });
    expect(await orderCount()).toBe(0);
  });

  it('two drains at once make one order of each ticket', async () => {
    for (let userId = 1; userId <= 10; userId += 1) await queued([sku], { userId });
    const [a, b] = await Promise.all([drain(), drain()]);
    expect(a.placed + b.placed).toBeGreaterThanOrEqual(10);
    expect(await orderCount()).toBe(10);
    expect(await rows(ctx, 'SELECT DISTINCT state FROM core.ticket')).toEqual([{ state: 'PLACED' }]);
  });

  it.each([1, 2, 3, 4, 5, 6])('a process that dies at statement %d leaves the ticket to the next', async (nth) => {
    const one = await queued([sku], { couponCode: await coupon(ctx, 100) });
    const before = await everything(ctx);
    expect(await drainOnce(dyingAt(ctx, nth), 50, NEVER)).toEqual({ placed: 0, refused: 0, kept: 1 });
    expect(await everything(ctx)).toEqual(before);
    expect((await ticket(one.id)).state).toBe('QUEUED');
    expect(await drain()).toEqual({ placed: 1, refused: 0, kept: 0 });
    expect(await orderCount()).toBe(1);
  });

  it('an order that its key has already is the one that the ticket ends in', async () => {
    calm();
    const { payOrderId } = await placed(ctx, [sku], { key: 'raced' });
    const [row] = await rows(ctx, 'SELECT body_digest FROM core.pay_order WHERE id = $1', payOrderId);
    const wish = { userId: 42, guest: false, type: 'physical', address: ADDRESS, items: [{ skuId: sku, quantity: 1 }] };
    const request = { actor: 'a shop', wish, details: {}, key: 'raced', ticketId: null, cart: null };
    const stored = await storeUp(ctx, { ...request, digest: String(row?.['body_digest']) });
    if (!stored.ok || stored.value === null) throw new Error('not stored');
    await drain();
    expect(await ticket(stored.value.id)).toMatchObject({ state: 'PLACED', payOrderId });
    expect(await orderCount()).toBe(1);
  });

  it('that order holds the coupon which the ticket is refused for; the ticket ends in it nevertheless', async () => {
    const couponCode = await coupon(ctx, 100);
    const { id } = await queued([sku], { key: 'two', couponCode });
    // As if the direct one, at the moment of the flip, had not seen the ticket.
    await rows(ctx, `UPDATE core.ticket SET idempotency_key = 'hidden', state = 'CANCELLED' WHERE id = $1`, id);
    calm();
    const { payOrderId } = await placed(ctx, [sku], { key: 'two', couponCode });
    await rows(ctx, `UPDATE core.ticket SET idempotency_key = 'two', state = 'QUEUED' WHERE id = $1`, id);
    expect(await drain()).toEqual({ placed: 1, refused: 0, kept: 0 });
    expect(await ticket(id)).toMatchObject({ state: 'PLACED', payOrderId });
    expect(await orderCount()).toBe(1);
  });

  it('a ticket that our side is too busy for stays where it is', async () => {
    const { id } = await queued([sku]);
    const reserve = async () => refuse('overloaded', 'Too many want the same goods at this moment.');
    const busy = { ...ctx, hotStock: Object.create(ctx.hotStock, { reserve: { value: reserve } }) };
    expect(await drainOnce(busy, 50, NEVER)).toEqual({ placed: 0, refused: 0, kept: 1 });
    expect(await ticket(id)).toMatchObject({ state: 'QUEUED' });
    expect(await drain()).toEqual({ placed: 1, refused: 0, kept: 0 });
  });

  it('a ticket that breaks on our side five times is given up, and the queue goes on', async () => {
    const broken = await queued([sku], { userId: 1 });
    const good = await queued([sku], { userId: 2 });
    await rows(
      ctx,
      `UPDATE core.ticket SET wish = '{"wish": {"userId": 1, "items": 7}, "details": {}, "cart": null}' WHERE id = $1`,
      broken.id,
    );
    for (let i = 0; i < 6; i += 1) await drain();
    expect(await ticket(good.id)).toMatchObject({ state: 'PLACED' });
    expect(await ticket(broken.id)).toMatchObject({ state: 'REFUSED', refusal: { code: 'internal' } });
  });
});

describe('turned on again', () => {
  it('new orders queue behind those that wait, and are placed at once when nobody does', async () => {
    const first = await queued([sku], { userId: 1 });
    calm();
    const behind = await queued([sku], { userId: 2 });
    expect(behind.seq).toBeGreaterThan(first.seq);
    expect(await orderCount()).toBe(0);
    await drain();
    expect((await place(ctx, [sku], { userId: 3 })).ok).toBe(true);
    expect(await orderCount()).toBe(3);
  });

  it('one that wants a hot SKU holds none of it while somebody waits', async () => {
    const [last = 0] = await skusOnShelf(ctx, { skus: [{ price: '9.00', stock: 1 }] });
    const first = await queued([last], { userId: 1 });
    calm();
    core.guard.off.add('stock.direct');
    const atWrite = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const tx: CoreContext['db']['tx'] = async (fn, options) => {
      atWrite.resolve();
      await go.promise;
      return ctx.db.tx(fn, options);
    };
    const db = Object.create(ctx.db, { query: { value: ctx.db.query.bind(ctx.db) }, tx: { value: tx } });
    const slow = { ...ctx, db };
    const direct = submitted(slow, [last], { userId: 2 });
    await Promise.race([atWrite.promise, direct]);
    expect(await drain(1)).toEqual({ placed: 1, refused: 0, kept: 0 });
    expect(await ticket(first.id)).toMatchObject({ state: 'PLACED' });
    go.resolve();
    expect(await direct).toMatchObject({ ok: true, value: { kind: 'queued' } });
  });

  it('twenty that race with the drain all become orders, none twice', async () => {
    await queued([sku], { userId: 1 });
    calm();
    const users = Array.from({ length: 20 }, (_, i) => 100 + i);
    const [all] = await Promise.all([Promise.all(users.map((userId) => submitted(ctx, [sku], { userId }))), drain()]);
    expect(all.every((one) => one.ok)).toBe(true);
    await drain();
    expect(await orderCount()).toBe(21);
  });
});

describe('leaving the queue', () => {
  it('ends the ticket once, and its turn does not come', async () => {
    const one = await queued([sku]);
    expect(await cancelTicket(ctx, 'a shop', one.id)).toMatchObject({
      ok: true,
      value: { row: { state: 'CANCELLED' } },
    });
    expect(await cancelTicket(ctx, 'a shop', one.id)).toMatchObject({
      ok: true,
      value: { row: { state: 'CANCELLED' } },
    });
    expect(await drain()).toEqual({ placed: 0, refused: 0, kept: 0 });
    expect(await orderCount()).toBe(0);
  });

  it('against its turn: it is an order or cancelled, never both', async () => {
    for (let userId = 1; userId <= 10; userId += 1) {
      const one = await queued([sku], { userId });
      const [cancelled] = await Promise.all([cancelTicket(ctx, 'a shop', one.id), drain()]);
      const { state } = await ticket(one.id);
      const orders = await rows(ctx, 'SELECT id FROM core.pay_order WHERE user_id = $1', userId);
      expect([cancelled.ok ? 'CANCELLED' : 'PLACED', orders.length]).toEqual([state, state === 'PLACED' ? 1 : 0]);
    }
  });

  it('after its turn is refused, naming what it became; and nobody knows a ticket that never was', async () => {
    const one = await queued([sku]);
    await drain();
    const { payOrderId } = await ticket(one.id);
    expect(await cancelTicket(ctx, 'a shop', one.id)).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringContaining(String(payOrderId)),
    });
    expect(await cancelTicket(ctx, 'a shop', 'tkt_none')).toMatchObject({ code: 'ticket_unknown' });
  });
});

describe('the drain of a process', () => {
  it('serves what waits, and the next one takes over from one that died', async () => {
    const metrics = createMetrics('core');
    await rows(
      ctx,
      `INSERT INTO core.holding (name, holder, lease_until)
        VALUES ('flood-drain', 'drain/core-1/dead', clock_timestamp() + interval '1 hour')`,
    );
    const waiting: Awaited<ReturnType<typeof queued>>[] = [];
    for (let userId = 1; userId <= 5; userId += 1) waiting.push(await queued([sku], { userId }));
    await using _drain = await FloodDrain.start(ctx, 'core-1', metrics);
    await eventually(async () => {
      for (const { id } of waiting) expect((await ticket(id)).state).toBe('PLACED');
    });
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^tidegate_flood_backlog_tickets \d/m);
    expect(text).toMatch(/^tidegate_flood_oldest_seconds \d/m);
  });
});

describe('over HTTP', () => {
  it('answers 202 with a place, shows the ticket, and lets it go', async () => {
    const http = await core.http([orderRoutes(ctx), ticketRoutes(ctx)]);
    const body = { userId: '42', type: 'physical', items: [{ skuId: String(sku), quantity: 1 }], address: ADDRESS };
    const stored = await http.send('shop', 'POST', '/v1/orders', body, { 'idempotency-key': 'k' });
    expect(stored).toMatchObject({
      status: 202,
      body: { state: { code: 'QUEUED' }, position: 1, waitSeconds: 1, payOrderId: null, refusal: null },
    });
    const location = stored.headers.get('location') ?? '';
    expect(location).toBe(`/v1/tickets/${stored.body['ticketId']}`);
    const again = await http.send('shop', 'POST', '/v1/orders', body, { 'idempotency-key': 'k' });
    expect([again.status, again.headers.get('idempotency-replayed'), again.body]).toEqual([202, 'true', stored.body]);
    expect((await http.send('viewer', 'GET', location)).body).toEqual(stored.body);
    expect(await http.send('shop', 'DELETE', location)).toMatchObject({
      status: 200,
      body: { state: { code: 'CANCELLED' }, position: null },
    });
    expect((await http.send('viewer', 'DELETE', location)).status).toBe(403);
    expect((await http.send('shop', 'GET', '/v1/tickets/tkt_0')).status).toBe(422);
    expect((await http.send('shop', 'GET', `/v1/tickets/tkt_${'0'.repeat(26)}`)).status).toBe(404);
    expect(core.guard.inside).toBe(0);
  });
});
