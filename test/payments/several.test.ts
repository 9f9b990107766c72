import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelOrder } from '../../core/orders/cancel.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { placed } from '../support/orders.ts';

/* One pay order over two orders of two shops (合并支付): paid at once, and then each goes its own way. */

const NEVER = new AbortController().signal;
let world: World;
let shirt = 0;
let cup = 0;
beforeAll(async () => {
  world = await openWorld();
  [shirt = 0] = await skusOnShelf(world.ctx, { shopId: 7, skus: [{ price: '79.00', stock: 1_000 }] });
  [cup = 0] = await skusOnShelf(world.ctx, { shopId: 8, skus: [{ price: '20.00', stock: 1_000 }] });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  world.outside.fulfilment.onInit = 'accepted';
});

interface Two {
  readonly payOrderId: string;
  readonly ids: readonly [string, string];
}

async function two(couponCode?: string): Promise<Two> {
  const { payOrderId, orders } = await placed(world.ctx, [shirt, cup], couponCode === undefined ? {} : { couponCode });
  const [a, b] = orders;
  if (a === undefined || b === undefined || orders.length !== 2) throw new Error(`${orders.length} orders`);
  return { payOrderId, ids: [a.orderId, b.orderId] };
}

const statesOf = ({ ids }: Two) => Promise.all(ids.map((id) => world.state('orders', id)));

/** What the ledger says of each order, on every account that names it. */
async function booked({ payOrderId }: Two) {
  return world.ctx.db.query({
    text: `SELECT e.order_id, e.account_id, sum(e.amount)::int AS amount FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
      WHERE p.pay_order_id = $1 AND e.order_id IS NOT NULL GROUP BY 1, 2 HAVING sum(e.amount) <> 0 ORDER BY 1, 2`,
    values: [payOrderId],
  });
}

async function balanced({ payOrderId }: Two): Promise<void> {
  const off = await world.ctx.db.query({
    text: `SELECT p.id FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
      WHERE p.pay_order_id = $1 GROUP BY p.id HAVING sum(e.amount) <> 0`,
    values: [payOrderId],
  });
  expect(off).toEqual([]);
}

describe('a pay order over two orders', () => {
  test('is paid in one sum, and each order is booked, taken and shipped for itself', async () => {
    const bought = await two(await world.coupon());
    await world.paid(bought.payOrderId);
    expect(await statesOf(bought)).toEqual(['O1', 'O1']);
    expect(
      await world.ctx.db.query({
        text: 'SELECT order_id, count(*)::int AS n FROM core.shipment WHERE pay_order_id = $1 GROUP BY 1 ORDER BY 1',
        values: [bought.payOrderId],
      }),
    ).toEqual(bought.ids.map((order_id) => ({ order_id, n: 1 })));
    expect(await booked(bought)).toEqual([
      { order_id: bought.ids[0], account_id: 'merchant_payable:CNY', amount: -7_900 },
      { order_id: bought.ids[1], account_id: 'merchant_payable:CNY', amount: -2_000 },
    ]);
    await balanced(bought);
    const cash = await world.one<{ amount: number }>(
      `SELECT amount FROM core.capture WHERE pay_order_id = $1 AND kind = 'effective'`,
      [bought.payOrderId],
    );
    expect(cash.amount).toBe(8_900);
  });

  test('one whose stock is gone at the capture is refunded alone, the other is shipped', async () => {
    const bought = await two();
    const attempt = await world.pay(bought.payOrderId);
    const [, late] = bought.ids;
    await world.ctx.db.query({
      text: `WITH freed AS (UPDATE core.reservation SET state = 'released', due_at = NULL WHERE order_id = $1 RETURNING sku_id, quantity)
        UPDATE core.stock s SET reserved = s.reserved - f.quantity, adjusted = s.adjusted - s.on_hand - f.quantity, on_hand = 0
        FROM freed f WHERE s.sku_id = f.sku_id`,
      values: [late],
    });
    world.outside.channel.pay(attempt);
    await world.later(30);
    await world.repair('p7');
    const refunds = await world.ctx.db.query({
      text: 'SELECT order_id, amount, cause FROM core.refund WHERE pay_order_id = $1',
      values: [bought.payOrderId],
    });
    expect(refunds).toEqual([{ order_id: late, amount: 2_000, cause: 'no_stock' }]);
    expect((await statesOf(bought))[0]).toBe('O1');
    await balanced(bought);
    await world.ctx.db.query({
      text: 'UPDATE core.stock SET on_hand = on_hand + 1000, adjusted = adjusted + 1000 WHERE sku_id = $1',
      values: [cup],
    });
  });

  test('one whose shipment fails is refunded from its own stored shares, and the other stays paid', async () => {
    const bought = await two(await world.coupon());
    world.outside.fulfilment.onInit = 'failed';
    const attempt = await world.pay(bought.payOrderId);
    world.outside.channel.pay(attempt);
    await world.later(30);
    const shares = await world.ctx.db.query<{ id: string; payable: number; discount_amount: number }>({
      text: 'SELECT id, payable, discount_amount FROM core.orders WHERE pay_order_id = $1 ORDER BY id',
      values: [bought.payOrderId],
    });
    expect(shares.reduce((sum, o) => sum + o.discount_amount, 0)).toBe(1_000);
    await world.repair('p7');
    const refunds = await world.ctx.db.query({
      text: 'SELECT order_id, amount, subsidy FROM core.refund WHERE pay_order_id = $1 ORDER BY order_id',
      values: [bought.payOrderId],
    });
    expect(refunds).toEqual(shares.map((o) => ({ order_id: o.id, amount: o.payable, subsidy: o.discount_amount })));
    await balanced(bought);
  });

  test('cancelled unpaid goes as a whole, whichever order is named, and gives everything back', async () => {
    const couponCode = await world.coupon();
    const bought = await two(couponCode);
    expect(await cancelOrder(world.ctx, bought.ids[1], 'changed my mind', NEVER)).toMatchObject({ ok: true });
    await world.ctx.background.idle();
    expect(await statesOf(bought)).toEqual(['O4', 'O4']);
    expect(
      await world.ctx.db.query({
        text: 'SELECT DISTINCT state FROM core.reservation WHERE order_id = ANY($1)',
        values: [bought.ids],
      }),
    ).toEqual([{ state: 'released' }]);
    const again = await placed(world.ctx, [shirt, cup], { couponCode });
    expect(again.orders).toHaveLength(2);
  });

  test('unpaid at its deadline goes as a whole, by one look of the repair', async () => {
    const bought = await two();
    await world.later(16 * 60);
    await world.repair('unpaid-order');
    expect(await statesOf(bought)).toEqual(['O4', 'O4']);
  });

  test('cancel against capture: both orders are paid back, or neither was paid', async () => {
    for (let i = 0; i < 6; i += 1) {
      const bought = await two();
      const attempt = await world.pay(bought.payOrderId);
      world.outside.channel.pay(attempt);
      await world.later(30);
      await Promise.all([cancelOrder(world.ctx, bought.ids[0], 'no', NEVER), world.repair('p7')]);
      await world.later(30);
      for (const repair of ['unpaid-order', 'p7', 'late-capture']) await world.repair(repair);
      const states = await statesOf(bought);
      expect(new Set(states).size, states.join()).toBe(1);
      await balanced(bought);
    }
  });
});
