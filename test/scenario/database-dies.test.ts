import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../core/kernel/db/database.ts';
import { booksOf, everyCheckHolds, expectBooksAgree, LIVE } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { Shop } from '../support/shop.ts';
import { crowd, grantCoupons, payOne, placeOne } from '../support/shoppers.ts';
import { CHILDREN, DataDir, kill, Up } from '../support/up.ts';

/**
 * The database is killed in the middle of a crowd, twice its server and once one of its sessions (which makes it end all
 * others), and started again by `npm start`. Nobody but the database dies of it, nothing is lost and nothing happens twice.
 */
const ORDERS = 150;
const SHOPPERS = 16;

let dataDir: DataDir;
let up: Up;
let database: Database;
beforeAll(async () => {
  dataDir = await DataDir.make();
  up = await Up.ready({ dataDir, env: { TIDEGATE_LOG_LEVEL: 'error' } });
  database = await dataDir.openDatabase(up);
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await up?.[Symbol.asyncDispose]();
  await dataDir?.[Symbol.asyncDispose]();
});

/** A session of the core, with a statement under way or not. */
async function someSession(): Promise<number> {
  const rows = await database.query<{ pid: number }>({
    text: `SELECT pid FROM pg_stat_activity WHERE application_name = 'tidegate core-1' ORDER BY state_change DESC LIMIT 1`,
  });
  return rows[0]?.pid ?? 0;
}

it('an order that was begun comes to its end, whatever became of the database meanwhile', async () => {
  const premises = { ...(await up.premises(dataDir)), database: { db: database } };
  const shop = new Shop(premises);
  const skuIds = await shop.stockUp('t-shirt', { stock: 1_000 });
  const codes = await grantCoupons(shop, ORDERS / 3);
  const deaths = new Map<number, () => Promise<void>>([
    [Math.floor(ORDERS / 4), async () => kill(await dataDir.postmaster(), 'SIGKILL')],
    [Math.floor(ORDERS / 2), async () => kill(await someSession(), 'SIGKILL')],
    [Math.floor((ORDERS * 3) / 4), async () => kill(await dataDir.postmaster(), 'SIGKILL')],
  ]);
  await crowd(ORDERS, SHOPPERS, async (n) => {
    await deaths.get(n)?.();
    const coupon = n % 3 === 0 ? codes[n / 3] : undefined;
    await payOne(shop, await placeOne(shop, { n, skuId: skuIds[n % skuIds.length] ?? '', coupon }));
  });
  expect(up.output.match(/the database is back/g)).toHaveLength(2);
  for (const name of CHILDREN) expect(up.output).not.toContain(`${name} ended`);
  // What could not be answered was said to be so, and never as a fault of ours.
  expect([...shop.refusals.keys()]).toEqual(['unavailable']);
  await eventually(async () => expect(await database.query({ text: LIVE })).toEqual([]), {
    timeoutMs: 60_000,
    everyMs: 250,
  });
  // Pieces that were reserved in a batch, and whose order then met no database, are set aside for a minute.
  await eventually(async () => expectBooksAgree(await booksOf(premises), ORDERS), {
    timeoutMs: 90_000,
    everyMs: 1_000,
  });
  await everyCheckHolds(premises);
}, 300_000);
