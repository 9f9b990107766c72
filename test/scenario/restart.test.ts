import { afterAll, beforeAll, expect, it } from 'vitest';
import { booksOf, everyCheckHolds, expectBooksAgree, LIVE } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { Shop } from '../support/shop.ts';
import { crowd, grantCoupons, payOne, placeOne } from '../support/shoppers.ts';
import { DataDir, kill, Up } from '../support/up.ts';

/**
 * Everything is killed in the middle of a crowd, then started again, then stopped in order, and started once more: what
 * was answered stands, what was begun comes to its end, and nothing happens twice.
 */
const ORDERS = 120;
const SHOPPERS = 12;

let dataDir: DataDir;
let up: Up;
beforeAll(async () => {
  dataDir = await DataDir.make();
  up = await Up.ready({ dataDir, env: { TIDEGATE_LOG_LEVEL: 'error' } });
});
afterAll(async () => {
  await up?.[Symbol.asyncDispose]();
  await dataDir?.[Symbol.asyncDispose]();
});

/** The same data at the same ports, so that the shoppers need not know. */
async function startAgain(): Promise<void> {
  const { port } = new URL(up.where('control'));
  await up.ended;
  up = await Up.ready({ dataDir, env: { TIDEGATE_LOG_LEVEL: 'error', PORT: port } });
}

it('loses nothing by the death of all, nor by a stop in the middle', async () => {
  const shop = new Shop(await up.premises(dataDir));
  const skuIds = await shop.stockUp('t-shirt', { stock: 1_000 });
  const codes = await grantCoupons(shop, ORDERS / 3);
  const restarts: Promise<void>[] = [];
  const ends = new Map<number, () => void>([
    [ORDERS / 3, () => kill(up.pid, 'SIGKILL')],
    [(ORDERS * 2) / 3, () => up.ctrlC()],
  ]);
  await crowd(ORDERS, SHOPPERS, async (n) => {
    const end = ends.get(n);
    if (end !== undefined) {
      // One after the other: the second end is that of a system that runs.
      await Promise.all(restarts);
      end();
      restarts.push(startAgain());
    }
    const coupon = n % 3 === 0 ? codes[n / 3] : undefined;
    await payOne(shop, await placeOne(shop, { n, skuId: skuIds[n % skuIds.length] ?? '', coupon }));
  });
  await Promise.all(restarts);
  expect(restarts).toHaveLength(2);
  expect([...shop.refusals.keys()]).not.toContain('internal');
  await using database = await dataDir.openDatabase(up);
  await eventually(async () => expect(await database.query({ text: LIVE })).toEqual([]), {
    timeoutMs: 60_000,
    everyMs: 250,
  });
  const premises = { ...(await up.premises(dataDir)), database: { db: database } };
  expectBooksAgree(await booksOf(premises), ORDERS);
  await everyCheckHolds(premises);
}, 240_000);
