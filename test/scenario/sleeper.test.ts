import { afterAll, beforeAll, expect, it } from 'vitest';
import { booksOf, everyCheckHolds, expectBooksAgree, LIVE } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { Shop } from '../support/shop.ts';
import { crowd, grantCoupons, payOne, placeOne } from '../support/shoppers.ts';
import { type System, startSystem } from '../support/system.ts';

/**
 * A core and a reconciler fall asleep (SIGSTOP: a long pause, a frozen machine) in the middle of what they were doing. The
 * others take over what they held, and when the sleepers wake and go on where they were, nothing happens twice.
 */
const ORDERS = 160;
const SHOPPERS = 16;

/** So that the sleepers are caught with questions on their way. */
const FAULTS = ['channel', 'marketing', 'fulfilment'].map((service) => ({
  service,
  kind: 'delay',
  probability: 1,
  minMs: 100,
  maxMs: 400,
}));

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await startSystem({ cores: 2, reconcilers: 2, controls: 0, env: { TIDEGATE_LOG_LEVEL: 'fatal' } });
  shop = new Shop(system);
});
afterAll(() => system?.[Symbol.asyncDispose]());

interface Held {
  readonly id: string;
  readonly version: number;
}

/** Rows that somebody asks the outside about at this moment. */
function heldNow(): Promise<Held[]> {
  return system.database.db.query({
    text: `SELECT id, version FROM core.payment WHERE lease_until > clock_timestamp()
      UNION ALL SELECT id, version FROM core.shipment WHERE lease_until > clock_timestamp()`,
  });
}

/** Those that stand as they did. */
function unmoved(held: readonly Held[]): Promise<Held[]> {
  return system.database.db.query({
    text: `SELECT h.id, h.version FROM jsonb_to_recordset($1::jsonb) AS h(id text, version integer)
      WHERE EXISTS (SELECT 1 FROM core.payment p WHERE p.id = h.id AND p.version = h.version AND p.state <> 'P7')
        OR EXISTS (SELECT 1 FROM core.shipment s WHERE s.id = h.id AND s.version = h.version)`,
    values: [JSON.stringify(held)],
  });
}

it('what a sleeper held is taken over, and its waking does nothing twice', async () => {
  const skuIds = await shop.stockUp('t-shirt', { stock: 2_000 });
  const codes = await grantCoupons(shop, ORDERS / 2);
  await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { seed: 3, faults: FAULTS } });
  const sleepers = [system.all('core')[0], system.all('reconcile')[0]];
  let asleep = false;
  let held: Held[] = [];
  let night: Promise<void> = Promise.resolve();
  const sleep = async (): Promise<void> => {
    asleep = true;
    for (const sleeper of sleepers) sleeper?.signal('SIGSTOP');
    held = await heldNow();
    await eventually(async () => expect(await unmoved(held)).toEqual([]), { timeoutMs: 25_000 });
    for (const sleeper of sleepers) sleeper?.signal('SIGCONT');
  };
  await crowd(ORDERS, SHOPPERS, async (n) => {
    if (n === ORDERS / 4) night = sleep();
    const coupon = n % 2 === 0 ? codes[n / 2] : undefined;
    // Whoever stands in front of the cores sends nothing to one that does not answer.
    const at = asleep ? 1 : n % 2;
    await payOne(shop, await placeOne(shop, { n, skuId: skuIds[n % skuIds.length] ?? '', coupon, at }), at);
  });
  await night;
  expect(held.length).toBeGreaterThan(0);
  await shop.sandbox('/sandbox/faults', { method: 'DELETE' });
  await eventually(async () => expect(await system.database.db.query({ text: LIVE })).toEqual([]), {
    timeoutMs: 60_000,
    everyMs: 250,
  });
  expectBooksAgree(await booksOf(system), ORDERS);
  await everyCheckHolds(system);
  expect([...shop.refusals.keys()]).not.toContain('internal');
}, 240_000);
