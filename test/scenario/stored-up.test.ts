import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, http, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';

/* 订单蓄洪 with real processes: a wave is stored up, the core that drains it is killed, and every ticket ends once. */
const ORDERS = 120;
let system: System;
let shop: Shop;
let skuId: string;

beforeAll(async () => {
  system = await startSystem({ cores: 2, reconcilers: 1, env: { TIDEGATE_FLOOD_RATE: '40' } });
  shop = new Shop(system);
  [skuId = ''] = await shop.stockUp('t-shirt', { stock: 100 });
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

/** Flips the switch and waits until both cores enforce it. */
async function store(up: boolean): Promise<void> {
  const url = `${system.one('control').url}/v1/switches/orders.direct`;
  await eventually(async () => {
    const known = await http(url, { token: system.tokens.viewer });
    const flipped = await http(url, {
      method: 'PUT',
      token: system.tokens.operator,
      headers: { 'if-match': known.headers.get('etag') ?? '' },
      body: { on: !up, reason: 'the wave' },
    });
    expect(flipped.status, JSON.stringify(flipped.body)).toBe(200);
  });
  const since = systemClock.now();
  await eventually(async () => {
    const { body } = await http(`${system.one('control').url}/v1/instances`, { token: system.tokens.viewer });
    const cores = (body['items'] as { name: string; current: boolean; lastSeenAt: string }[]).filter(({ name }) =>
      name.startsWith('core-'),
    );
    expect(cores).toHaveLength(2);
    expect(cores.every(({ current, lastSeenAt }) => current && new Date(lastSeenAt) > since)).toBe(true);
  });
}

function order(n: number): Promise<Reply> {
  const body = { userId: String(n), type: 'physical', items: [{ skuId, quantity: 1 }], address: ADDRESS };
  return shop.order(body, `wave-${n}`, n);
}

const states = async (): Promise<Record<string, number>> => {
  const rows = await system.database.db.query<{ state: string; n: number }>({
    text: 'SELECT state, count(*)::int AS n FROM core.ticket GROUP BY state',
  });
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};

it('stores a wave up, survives kill -9 of the core that drains, and sells the hundred shirts to the first hundred', async () => {
  await store(true);
  const tickets: string[] = [];
  for (let n = 1; n <= ORDERS; n += 1) {
    const answer = await order(n);
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    tickets.push(String(answer.body['ticketId']));
  }
  await eventually(async () => expect((await states())['PLACED']).toBeGreaterThan(5), { timeoutMs: 40_000 });
  const [holding] = await system.database.db.query<{ holder: string }>({
    text: `SELECT holder FROM core.holding WHERE name = 'flood-drain'`,
  });
  const drains = system.all('core').find(({ name }) => holding?.holder.includes(name));
  await drains?.kill();
  await drains?.start();
  // Turned off in the middle: what comes now queues behind, and nobody overtakes.
  await store(false);
  await eventually(async () => expect((await states())['QUEUED'] ?? 0).toBe(0), { timeoutMs: 60_000 });
  expect(await states()).toEqual({ PLACED: 100, REFUSED: ORDERS - 100 });

  const ends = await system.database.db.query<{ id: string; state: string; code: string | null; orders: number }>({
    text: `SELECT t.id, t.state, t.refusal->>'code' AS code, count(o.id)::int AS orders
      FROM core.ticket t LEFT JOIN core.orders o ON o.pay_order_id = t.pay_order_id GROUP BY t.id ORDER BY t.seq`,
  });
  expect(ends.map(({ id }) => id)).toEqual(tickets);
  expect(ends.slice(0, 100).every(({ state, orders }) => state === 'PLACED' && orders === 1)).toBe(true);
  expect(ends.slice(100).every(({ code, orders }) => code === 'sold_out' && orders === 0)).toBe(true);

  const [{ n } = { n: 0 }] = await system.database.db.query<{ n: number }>({
    text: 'SELECT count(*)::int AS n FROM core.orders',
  });
  expect(n).toBe(100);
  // The key of a served ticket answers its order, placed at once or not.
  expect(await order(1)).toMatchObject({ status: 200, body: { orders: [{ state: { code: 'O0' } }] } });
  expect((await shop.core(`/v1/tickets/${tickets[119]}`)).body).toMatchObject({
    state: { code: 'REFUSED' },
    refusal: { code: 'sold_out' },
  });
}, 120_000);
