import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Consumer, rewind, turn } from '../../core/bus/consume.ts';
import { readProduct } from '../../core/catalog/catalog.read.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import { followStock } from '../../core/catalog/sold-out.ts';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { changeStock } from '../../core/stock/adjust.ts';
import { onShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { eventually } from '../support/eventually.ts';
import { place, placed } from '../support/orders.ts';

const NEVER = new AbortController().signal;
let core: TestCore;
beforeAll(async () => {
  core = await testCore({ poolSize: 12 });
});
afterAll(() => core[Symbol.asyncDispose]());

const consumer = (): Consumer => ({
  name: 'sold-out-test',
  batch: 100,
  handle: (events, tx) => followStock(core.ctx, tx, events),
});

/** The consumer has read everything that was committed. */
async function caughtUp(): Promise<void> {
  await eventually(async () => {
    expect(await turn(core.ctx, consumer(), 'a reader', NEVER)).toEqual({ kind: 'idle' });
  });
}

async function stateOf(spuId: number): Promise<string | undefined> {
  return (await readProduct(core.ctx.db, spuId, core.ctx.clock.now()))?.state;
}

async function product(...stock: number[]): Promise<{ spuId: number; skus: number[] }> {
  const { spuId, skus } = await onShelf(core.ctx, { skus: stock.map((pieces) => ({ stock: pieces })) });
  return { spuId, skus: skus.map((sku) => sku.skuId) };
}

let keys = 0;
async function inbound(skuId: number, quantity: number): Promise<void> {
  const kind = quantity > 0 ? 'inbound' : 'adjust';
  const changed = await changeStock(core.ctx, 'm', { skuId, kind, quantity, reason: 'counted' }, `k${++keys}`);
  if (!changed.ok) throw new Error(changed.detail);
}

describe('the shelf follows the stock', () => {
  test('to SOLD_OUT with the last piece of the last SKU, and back when it is cancelled', async () => {
    const { spuId, skus } = await product(1, 1);
    await placed(core.ctx, [skus[0] ?? 0]);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('ON_SHELF');
    const last = await placed(core.ctx, [skus[1] ?? 0]);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('SOLD_OUT');
    expect(await place(core.ctx, [skus[1] ?? 0])).toMatchObject({ ok: false, code: 'sold_out' });
    await cancelOrder(core.ctx, last.orders[0]?.orderId ?? '', 'no', NEVER);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('ON_SHELF');
  });

  test('both ways with movements, and a product that is put on the shelf without stock', async () => {
    const { spuId, skus } = await product(0);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('SOLD_OUT');
    await inbound(skus[0] ?? 0, 5);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('ON_SHELF');
    await inbound(skus[0] ?? 0, -5);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('SOLD_OUT');
  });

  test('can be ordered before the shelf knows: the stock says whether it is there', async () => {
    const { spuId, skus } = await product(0);
    await caughtUp();
    await inbound(skus[0] ?? 0, 1);
    expect(await stateOf(spuId)).toBe('SOLD_OUT');
    expect(await place(core.ctx, [skus[0] ?? 0])).toMatchObject({ ok: true });
  });

  test('never for a person who took it off the shelf, with stock or without, and never what is not counted', async () => {
    const { spuId, skus } = await product(1);
    const { spuId: service } = await onShelf(core.ctx, { skus: [{ infinite: true }] });
    await placed(core.ctx, skus);
    await caughtUp();
    expect(await changeState(core.ctx, 'm', spuId, 'unpublish', undefined)).toMatchObject({ ok: true });
    await inbound(skus[0] ?? 0, 5);
    await caughtUp();
    expect(await stateOf(spuId)).toBe('OFF_SHELF');
    expect(await stateOf(service)).toBe('ON_SHELF');
  });

  test('the same events again change nothing', async () => {
    const { spuId } = await product(0);
    await caughtUp();
    const before = await readProduct(core.ctx.db, spuId, core.ctx.clock.now());
    await rewind(core.ctx, 'sold-out-test', { xid: '0', eventId: 0 });
    await caughtUp();
    expect(await readProduct(core.ctx.db, spuId, core.ctx.clock.now())).toEqual(before);
  });

  test('with orders, movements and a person all at once, it ends where the stock is, or where the person wants it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { spuId, skus } = await product(3);
      const [sku = 0] = skus;
      await Promise.all([
        ...Array.from({ length: 6 }, () => place(core.ctx, [sku])),
        inbound(sku, 1),
        ...Array.from({ length: 4 }, () => turn(core.ctx, consumer(), 'a reader', NEVER)),
        round % 2 === 0 ? changeState(core.ctx, 'm', spuId, 'unpublish', undefined) : undefined,
      ]);
      await caughtUp();
      const left = (await readProduct(core.ctx.db, spuId, core.ctx.clock.now()))?.skus[0]?.stock?.onHand ?? -1;
      const followed = left > 0 ? 'ON_SHELF' : 'SOLD_OUT';
      expect(await stateOf(spuId)).toBe(round % 2 === 0 ? 'OFF_SHELF' : followed);
    }
  });
});
