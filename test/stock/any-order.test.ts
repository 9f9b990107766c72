import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMs } from '../../core/kernel/clock.ts';
import { foldSold } from '../../core/stock/fold.ts';
import type { Claim, DeductAt } from '../../core/stock/pieces.ts';
import { restock } from '../../core/stock/restock.ts';
import { holdUntil, putBack, readSkuStock, release, releaseExpired, reserve, take } from '../../core/stock/stock.ts';
import stockConservation from '../../reconcile/checks/stock-conservation.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';

let core: TestCore;
beforeAll(async () => {
  core = await testCore({ poolSize: 16 });
});
afterAll(() => core[Symbol.asyncDispose]());

const SOON = new Date('2030-01-01T00:00:00Z');
const LATER = addMs(SOON, 60_000);
const STOCK = [12, 7] as const;
let orders = 0;

const WORDS = ['reserve', 'take', 'release', 'hold', 'putBack', 'restock', 'expire', 'fold'] as const;
interface Command {
  readonly order: number;
  readonly what: (typeof WORDS)[number];
  readonly sku: number;
  readonly quantity: number;
  readonly deductAt: DeductAt;
}

const command: fc.Arbitrary<Command> = fc.record({
  order: fc.nat(5),
  what: fc.constantFrom(...WORDS),
  sku: fc.nat(1),
  quantity: fc.integer({ min: 1, max: 5 }),
  deductAt: fc.constantFrom('reserve', 'order', 'payment'),
});

async function say({ what, sku, quantity, deductAt }: Command, order: string, skus: readonly number[]): Promise<void> {
  const skuId = skus[sku] ?? 0;
  const claim: Claim = { skuId, quantity, warehouseId: 1, deductAt };
  await core.ctx.db.tx(async (tx) => {
    switch (what) {
      case 'reserve':
        return void (await reserve(tx, order, [claim], SOON));
      case 'take':
        return void (await take(tx, order));
      case 'release':
        return void (await release(tx, order));
      case 'hold':
        return void (await holdUntil(tx, order, LATER));
      case 'putBack':
        return void (await putBack(tx, order));
      case 'expire':
        return void (await releaseExpired(tx, SOON, 10));
      case 'fold':
        return void (await foldSold(tx, 3, 0));
      case 'restock': {
        const goods = {
          orderId: order,
          skuId,
          quantity: 1,
          key: `${order}:${quantity}`,
          actor: 'core',
          reason: 'back',
        };
        return void (await restock(tx, { ...goods, now: SOON }));
      }
      default:
        throw new Error(what satisfies never);
    }
  });
}

/** Restocking what an order does not have is a broken invariant, and changes nothing. */
function unlessNothingLeft(error: unknown): void {
  if (!(error instanceof Error && error.message.includes('which has'))) throw error;
}

describe('whatever orders do, in any order and at once', () => {
  it('pieces are conserved and agree with the reservations, in part and in whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 30 }), async (commands) => {
        const skus = await skusOnShelf(core.ctx, { skus: STOCK.map((stock) => ({ stock })) });
        const names = Array.from({ length: 6 }, () => `any-order-${++orders}`);
        await Promise.all(commands.map((one) => say(one, names[one.order] ?? '', skus).catch(unlessNothingLeft)));
        for (const [i, sku] of skus.entries()) {
          const read = await readSkuStock(core.ctx.db, sku);
          if (!read.ok) throw new Error(read.detail);
          const { onHand, reserved, sold } = read.value.stock;
          expect(Math.min(onHand, reserved, sold)).toBeGreaterThanOrEqual(0);
          expect(onHand + reserved + sold).toBe(STOCK[i]);
        }
        const keys = skus.map(String);
        for (const scope of [
          { kind: 'all', now: SOON },
          { kind: 'keys', keys, now: SOON },
        ] as const) {
          expect((await stockConservation.violations(core.ctx.db, scope)).violations).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('alone, one after the other, they do what a model of three numbers says', async () => {
    type Held = { quantity: number; state: 'planned' | 'held' | 'taken' | 'released' };
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 20 }), async (commands) => {
        const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ stock: STOCK[0] }] });
        const model = { onHand: STOCK[0] as number, orders: new Map<string, Held>() };
        const names = Array.from({ length: 6 }, () => `model-order-${++orders}`);
        for (const one of commands.filter(({ what }) =>
          ['reserve', 'take', 'release', 'hold', 'putBack'].includes(what),
        )) {
          const name = names[one.order] ?? '';
          const has = model.orders.get(name);
          if (one.what === 'reserve' && has !== undefined) continue;
          await say({ ...one, sku: 0 }, name, [sku]);
          judge(model, name, has, one);
        }
        const sum = (state: Held['state']): number =>
          [...model.orders.values()].reduce((total, held) => total + (held.state === state ? held.quantity : 0), 0);
        expect(await readSkuStock(core.ctx.db, sku)).toMatchObject({
          value: { stock: { onHand: model.onHand, reserved: sum('held'), sold: sum('taken') } },
        });
      }),
      { numRuns: 30 },
    );

    function judge(
      model: { onHand: number; orders: Map<string, Held> },
      name: string,
      has: Held | undefined,
      { what, quantity, deductAt }: Command,
    ): void {
      if (what === 'reserve') {
        if (deductAt === 'payment') model.orders.set(name, { quantity, state: 'planned' });
        else if (quantity <= model.onHand) {
          model.onHand -= quantity;
          model.orders.set(name, { quantity, state: 'held' });
        }
        return;
      }
      if (has === undefined) return;
      if (what === 'take' && has.state === 'held') has.state = 'taken';
      if (what === 'hold' && (has.state === 'released' || has.state === 'planned') && has.quantity <= model.onHand) {
        model.onHand -= has.quantity;
        has.state = 'held';
      } else if ((what === 'release' && has.state === 'held') || (what === 'putBack' && has.state === 'taken')) {
        model.onHand += has.quantity;
        has.state = 'released';
      } else if (what === 'release' && has.state === 'planned') has.state = 'released';
    }
  });
});
