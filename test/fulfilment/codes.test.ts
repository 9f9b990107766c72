import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import { shipPart } from '../../core/fulfilment/parts.ts';
import { importCodes } from '../../core/stock/codes.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { ask, askedAndApproved, paidOrder, shipmentsOf } from '../support/aftersales.ts';
import { skusOnShelf, VIRTUAL } from '../support/catalogue.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** A SKU with ten codes. */
async function pool(): Promise<number> {
  const [sku = 0] = await skusOnShelf(world.ctx, { categoryId: VIRTUAL, skus: [{ codes: true, price: '79.00' }] });
  const codes = Array.from({ length: 10 }, (_, i) => `C-${sku}-${i}`);
  await importCodes(world.ctx, 'a merchant', { skuId: sku, codes }, 'first');
  return sku;
}

/** A paid order of codes whose last piece lies in a parcel of its own. */
async function inTwoParcels(quantity: number) {
  const sku = await pool();
  const virtual = { type: 'virtual', details: {}, address: undefined } as const;
  const { orderId } = await paidOrder(world, [{ skuId: sku, quantity }], virtual);
  const lines = [{ lineNo: 1, quantity: 1 }];
  expect(await shipPart(world.ctx, 'w', { orderId, lines, key: 'part' })).toMatchObject({ ok: true });
  await world.ctx.background.idle();
  const parts = (await shipmentsOf(world, orderId)).filter(({ state }) => state === 'F2');
  const [rest, last] = parts.sort((a, b) => (b.lines[0]?.quantity ?? 0) - (a.lines[0]?.quantity ?? 0));
  if (rest === undefined || last === undefined) throw new Error('the order is not in two parcels');
  return { sku, orderId, rest: rest.id, last: last.id };
}

async function say(id: string, state: 'delivered' | 'failed', codes?: readonly string[]): Promise<void> {
  world.outside.fulfilment.set(id, state);
  const view = { shipmentId: id, state, ...(codes === undefined ? {} : { codes: [...codes] }) };
  await applyParcel(world.ctx, id, view, { actor: 'test', reason: 'a test' });
  await world.ctx.background.idle();
}

const codesIn = async (id: string): Promise<readonly string[] | null> =>
  (await world.one<{ codes: readonly string[] | null }>('SELECT codes FROM core.shipment WHERE id = $1', [id])).codes;

const pieces = (sku: number) =>
  world.one(
    `SELECT count(*) FILTER (WHERE state = 'free') AS free, count(*) FILTER (WHERE state = 'taken') AS taken,
      count(*) FILTER (WHERE state = 'void') AS void,
      (SELECT sum(on_hand)::bigint FROM core.stock WHERE sku_id = $1) AS "onHand"
    FROM core.stock_code WHERE sku_id = $1`,
    [sku],
  );

test('a parcel hands out the codes of its own pieces; the other one fails, and its piece can be sold again', async () => {
  const { sku, rest, last } = await inTwoParcels(2);
  await say(rest, 'delivered', ['made up']);
  expect(await codesIn(rest)).toEqual([`C-${sku}-0`]);
  expect(await pieces(sku)).toEqual({ free: 9, taken: 1, void: 0, onHand: 8 });
  await say(last, 'failed');
  expect(await pieces(sku)).toEqual({ free: 9, taken: 1, void: 0, onHand: 9 });
});

test('a code that was paid back is void, and the parcel that comes later brings none in its stead', async () => {
  const { sku, orderId, rest, last } = await inTwoParcels(3);
  await say(rest, 'delivered', ['made up', 'and this']);
  // The first hopes for the piece that has not come, so that the second speaks of one that has.
  await ask(world, { orderId, lines: [{ lineNo: 1, quantity: 1 }] });
  await askedAndApproved(world, { orderId, lines: [{ lineNo: 1, quantity: 1 }] });
  expect(await pieces(sku)).toMatchObject({ free: 8, taken: 1, void: 1 });
  await say(last, 'delivered', ['made up']);
  expect(await codesIn(last)).toEqual([`C-${sku}-2`]);
  expect(await pieces(sku)).toEqual({ free: 7, taken: 2, void: 1, onHand: 7 });
});

test('codes that ride along with goods are delivered with them, though the service makes up none', async () => {
  const sku = await pool();
  const { orderId } = await paidOrder(world, [
    { skuId: world.sku, quantity: 1 },
    { skuId: sku, quantity: 2 },
  ]);
  const [shipment] = await shipmentsOf(world, orderId);
  if (shipment === undefined) throw new Error('nothing is shipped');
  await say(shipment.id, 'delivered');
  expect([...((await codesIn(shipment.id)) ?? [])].sort()).toEqual([`C-${sku}-0`, `C-${sku}-1`]);
  expect(await pieces(sku)).toEqual({ free: 8, taken: 2, void: 0, onHand: 8 });
});
