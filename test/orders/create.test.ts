import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeState, setPrice } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import { addMs } from '../../core/kernel/clock.ts';
import { onShelf, skusOnShelf, VIRTUAL } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { ADDRESS, place, placed } from '../support/orders.ts';
import { coreAtNow, NOW, refusal, rows } from './placing.ts';

let core: TestCore;
let ctx: CoreContext;
beforeAll(async () => {
  core = await coreAtNow();
  ctx = core.ctx;
});
afterAll(() => core[Symbol.asyncDispose]());

describe('an order', () => {
  it('writes pay order, order, lines, reservation and event, and nothing else', async () => {
    const [a, b] = await skusOnShelf(ctx, {
      name: 'Shirt',
      skus: [
        { name: 'L', price: '79.00', stock: 5 },
        { name: 'M', price: '10.50', stock: 5 },
      ],
    });
    const created = await placed(ctx, [{ skuId: a ?? 0, quantity: 2 }, b ?? 0, a ?? 0], { userId: 1234 });
    expect(created).toMatchObject({
      payable: { amount: 24_750, currency: 'CNY' },
      expiresAt: new Date('2026-11-11T00:15:00Z'),
      notices: [],
      orders: [{ type: 'physical', state: 'O0', goodsAmount: { amount: 24_750 }, discount: { amount: 0 } }],
    });
    const orderId = created.orders[0]?.orderId ?? '';
    for (const number of [created.payOrderId, orderId]) expect(number).toMatch(/^1794355200\d{3}234\d{3}$/);
    expect(
      await rows(
        ctx,
        'SELECT id, user_id, payable, discount, stage, coupon_code, paid_at FROM core.pay_order WHERE id = $1',
        created.payOrderId,
      ),
    ).toEqual([
      {
        id: created.payOrderId,
        user_id: 1234,
        payable: 24_750,
        discount: 0,
        stage: 'full',
        coupon_code: null,
        paid_at: null,
      },
    ]);
    expect(
      await rows(
        ctx,
        'SELECT state, version, guest, due_at, address, details, freight_amount FROM core.orders WHERE id = $1',
        orderId,
      ),
    ).toEqual([
      {
        state: 'O0',
        version: 0,
        guest: false,
        due_at: created.expiresAt,
        address: ADDRESS,
        details: {},
        freight_amount: 0,
      },
    ]);
    expect(
      await rows(
        ctx,
        'SELECT line_no, sku_id, name, quantity, unit_price, discount, payable FROM core.order_line WHERE order_id = $1 ORDER BY 1',
        orderId,
      ),
    ).toEqual([
      { line_no: 1, sku_id: a, name: 'Shirt L', quantity: 2, unit_price: 7900, discount: 0, payable: 15_800 },
      { line_no: 2, sku_id: b, name: 'Shirt M', quantity: 1, unit_price: 1050, discount: 0, payable: 1050 },
      { line_no: 3, sku_id: a, name: 'Shirt L', quantity: 1, unit_price: 7900, discount: 0, payable: 7900 },
    ]);
    expect(
      await rows(
        ctx,
        'SELECT sku_id, quantity, state, expires_at FROM core.reservation WHERE order_id = $1 ORDER BY 1',
        orderId,
      ),
    ).toEqual([
      { sku_id: a, quantity: 3, state: 'held', expires_at: new Date('2026-11-11T00:30:00Z') },
      { sku_id: b, quantity: 1, state: 'held', expires_at: new Date('2026-11-11T00:30:00Z') },
    ]);
    expect(
      await rows(
        ctx,
        'SELECT type, from_state, to_state, actor, entity_id FROM core.event WHERE scope = $1',
        created.payOrderId,
      ),
    ).toEqual([{ type: 'order.created', from_state: null, to_state: 'O0', actor: 'a shop', entity_id: orderId }]);
  });

  it('keeps the snapshot of what its buyer saw, whatever is edited afterwards', async () => {
    const product = await onShelf(ctx, { skus: [{ price: '5.00' }] });
    const sku = product.skus[0];
    const before = await placed(ctx, [sku?.skuId ?? 0]);
    await setPrice(ctx, 'm', sku?.skuId ?? 0, { price: { amount: 600, currency: 'CNY' } });
    const after = await placed(ctx, [sku?.skuId ?? 0]);
    expect([before.payable.amount, after.payable.amount]).toEqual([500, 600]);
    const kept = await rows(
      ctx,
      'SELECT s.content FROM core.order_line l JOIN core.snapshot s ON s.id = l.snapshot_id WHERE l.order_id = ANY($1) ORDER BY l.unit_price',
      [before.orders[0]?.orderId, after.orders[0]?.orderId],
    );
    expect(kept.map((row) => row['content'])).toMatchObject([{ price: 500 }, { price: 600 }]);
  });

  it('takes charges without stock along with goods that are shipped', async () => {
    const [shirt] = await skusOnShelf(ctx, { skus: [{ price: '5.00', stock: 1 }] });
    const [postage] = await skusOnShelf(ctx, {
      categoryId: VIRTUAL,
      skus: [{ name: 'POST', price: '18.00', infinite: true }],
    });
    const created = await placed(ctx, [shirt ?? 0, postage ?? 0]);
    expect(created.payable.amount).toBe(2_300);
    expect(
      await rows(ctx, 'SELECT sku_id FROM core.reservation WHERE order_id = $1', created.orders[0]?.orderId),
    ).toEqual([{ sku_id: shirt }]);
  });

  it('of free goods is payable 0', async () => {
    const [free] = await skusOnShelf(ctx, { skus: [{ price: '0', free: true }] });
    expect((await placed(ctx, [free ?? 0])).payable.amount).toBe(0);
  });

  it('of virtual goods needs no address, and keeps its details', async () => {
    const [data] = await skusOnShelf(ctx, { categoryId: VIRTUAL });
    const created = await placed(ctx, [data ?? 0], {
      type: 'virtual',
      address: undefined,
      details: { account: '13800138000' },
    });
    expect(
      await rows(ctx, 'SELECT details, address FROM core.orders WHERE pay_order_id = $1', created.payOrderId),
    ).toEqual([{ details: { account: '13800138000' }, address: null }]);
  });

  it('of 1,000 lines is one order', async () => {
    const ids = await skusOnShelf(ctx, {
      skus: Array.from({ length: 250 }, (_, i) => ({ name: `n${i}`, price: '1.00' })),
    });
    const created = await placed(ctx, [...ids, ...ids, ...ids, ...ids]);
    expect(created.payable.amount).toBe(100_000);
    expect(
      await rows(
        ctx,
        'SELECT count(*) AS n, max(line_no) AS last FROM core.order_line WHERE order_id = $1',
        created.orders[0]?.orderId,
      ),
    ).toEqual([{ n: 1_000, last: 1_000 }]);
  });
});

describe('an order is refused', () => {
  it('for SKUs nobody knows, naming each', async () => {
    const [a] = await skusOnShelf(ctx);
    expect(await refusal(ctx, [a ?? 0, 999_999_998, 999_999_999])).toMatchObject({
      code: 'sku_unknown',
      errors: [{ path: 'items.1.skuId' }, { path: 'items.2.skuId' }],
    });
  });

  it.each(['unpublish', 'freeze'] as const)('after %s', async (command) => {
    const product = await onShelf(ctx);
    await changeState(ctx, 'm', product.spuId, command, 'because');
    expect(await refusal(ctx, [product.skus[0]?.skuId ?? 0])).toMatchObject({ code: 'sku_off_shelf' });
  });

  it('when the price is no longer what the shopper saw, naming both', async () => {
    const [a] = await skusOnShelf(ctx, { skus: [{ price: '79.00' }] });
    const wish = (amount: number, currency: 'CNY' | 'EUR') => ({
      skuId: a ?? 0,
      quantity: 1,
      expectedPrice: { amount, currency },
    });
    expect(await refusal(ctx, [wish(7_500, 'CNY')])).toMatchObject({
      code: 'price_changed',
      errors: [{ path: 'items.0.expectedPrice', message: `SKU ${a} costs 79.00 CNY now, not 75.00 CNY` }],
    });
    expect(await refusal(ctx, [wish(7_900, 'EUR')])).toMatchObject({ code: 'price_changed' });
    expect((await placed(ctx, [wish(7_900, 'CNY')])).payable.amount).toBe(7_900);
  });

  it('when the stock does not suffice, naming what lacks', async () => {
    const [a, b] = await skusOnShelf(ctx, {
      skus: [
        { stock: 2, name: 'a' },
        { stock: 2, name: 'b' },
      ],
    });
    expect(await refusal(ctx, [a ?? 0, { skuId: b ?? 0, quantity: 3 }])).toMatchObject({
      code: 'sold_out',
      errors: [{ path: `sku.${b}`, message: '2 available, 3 wanted' }],
    });
  });

  it('in two currencies at once', async () => {
    const [a] = await skusOnShelf(ctx);
    const [b] = await skusOnShelf(ctx, { currency: 'EUR' });
    expect(await refusal(ctx, [a ?? 0, b ?? 0])).toMatchObject({ code: 'currency_mismatch' });
  });

  it('beyond the largest amount, exactly', async () => {
    const [a] = await skusOnShelf(ctx, { skus: [{ price: '999999999999.99', stock: 100_000 }] });
    expect((await placed(ctx, [a ?? 0])).payable.amount).toBe(99_999_999_999_999);
    expect(await refusal(ctx, [{ skuId: a ?? 0, quantity: 2 }])).toMatchObject({ code: 'order_too_large' });
    expect(await refusal(ctx, [{ skuId: a ?? 0, quantity: 100_000 }])).toMatchObject({ code: 'order_too_large' });
  });

  it('when its goods do not fit its type', async () => {
    const [shirt] = await skusOnShelf(ctx);
    const [data] = await skusOnShelf(ctx, { categoryId: VIRTUAL });
    expect(await refusal(ctx, [data ?? 0, shirt ?? 0], { type: 'virtual' })).toMatchObject({
      code: 'order_type_mismatch',
      errors: [{ path: 'items.1.skuId' }],
    });
    expect(await refusal(ctx, [data ?? 0])).toMatchObject({ code: 'order_type_mismatch' });
  });

  it('without the address, type or details that it needs', async () => {
    const [a] = await skusOnShelf(ctx);
    expect(await refusal(ctx, [a ?? 0], { address: undefined })).toMatchObject({ code: 'address_missing' });
    expect(await refusal(ctx, [a ?? 0], { type: 'subscription' })).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'type' }],
    });
    expect(await refusal(ctx, [a ?? 0], { details: { account: 'x' } })).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'details.account' }],
    });
  });
});

describe('a clock that steps back', () => {
  it('gives no order until it has caught up', async () => {
    const [a] = await skusOnShelf(ctx);
    let now = NOW;
    await using stepping = await testCore({ database: core.database, clock: { now: () => now } });
    await placed(stepping.ctx, [a ?? 0]);
    now = addMs(NOW, -60_000);
    expect(await place(stepping.ctx, [a ?? 0])).toMatchObject({ ok: false, code: 'unavailable' });
    now = addMs(NOW, 1_000);
    expect((await place(stepping.ctx, [a ?? 0])).ok).toBe(true);
  });
});
