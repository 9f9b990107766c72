import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PricedLine, shareDiscount } from '../../core/orders/pricing.ts';
import { type SourcedLine, splitCheckout } from '../../core/orders/splitting.ts';

const line = (index: number, more: Partial<SourcedLine> = {}): SourcedLine => ({
  index,
  skuId: 100_001 + index,
  name: `SKU ${index}`,
  snapshotId: 's',
  shopId: 1,
  goodsKind: 'physical',
  counted: true,
  deductAt: 'reserve',
  quantity: 1,
  unitPrice: 100,
  amount: 100,
  warehouseId: 1,
  ...more,
});

const split = (lines: readonly SourcedLine[], discount = 0) =>
  splitCheckout(shareDiscount(lines, { coupon: discount, points: 0 }, 'CNY'));

describe('splitting a checkout', () => {
  it('makes one order of one shop and one warehouse', () => {
    expect(split([line(0), line(1)])).toMatchObject([{ shopId: 1, warehouseId: 1, goodsAmount: 200, payable: 200 }]);
  });

  it('makes one order per shop and warehouse, each with its lines in their order', () => {
    const parts = split([
      line(0, { shopId: 2 }),
      line(1),
      line(2, { warehouseId: 3 }),
      line(3, { shopId: 2 }),
      line(4),
    ]);
    expect(parts.map((p) => [p.shopId, p.warehouseId, p.lines.map((l) => l.index)])).toEqual([
      [1, 1, [1, 4]],
      [1, 3, [2]],
      [2, 1, [0, 3]],
    ]);
  });

  it('lets what is not counted ride along with its own shop, wherever that ships from', () => {
    const postage = (index: number, shopId: number) => line(index, { shopId, counted: false, goodsKind: 'virtual' });
    const parts = split([postage(0, 1), line(1, { warehouseId: 5 }), line(2, { warehouseId: 4 }), postage(3, 2)]);
    expect(parts.map((p) => [p.shopId, p.warehouseId, p.lines.map((l) => l.index)])).toEqual([
      [1, 4, [0, 2]],
      [1, 5, [1]],
      [2, 1, [3]],
    ]);
  });

  it('gives each order the sum of its lines’ shares: three orders share one cent', () => {
    const parts = split([line(0), line(1, { shopId: 2 }), line(2, { shopId: 3 })], 1);
    expect(parts.map((p) => [p.discount, p.payable])).toEqual([
      [1, 99],
      [0, 100],
      [0, 100],
    ]);
  });

  it('loses and invents nothing, whatever the shops, warehouses, amounts and discount', () => {
    const someLine = fc.record({
      shopId: fc.integer({ min: 1, max: 4 }),
      warehouseId: fc.integer({ min: 1, max: 3 }),
      counted: fc.boolean(),
      amount: fc.integer({ min: 0, max: 10 ** 12 }),
    });
    fc.assert(
      fc.property(
        fc.array(someLine, { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, part) => {
          const lines = given.map((g, i) => line(i, { ...g, unitPrice: g.amount }));
          const total = lines.reduce((sum, l) => sum + l.amount, 0);
          const discount = Math.floor(total * part);
          const parts = split(lines, discount);
          const sum = (of: (p: (typeof parts)[number]) => number) => parts.reduce((all, p) => all + of(p), 0);
          expect([sum((p) => p.goodsAmount), sum((p) => p.discount), sum((p) => p.payable)]).toEqual([
            total,
            discount,
            total - discount,
          ]);
          expect(parts.flatMap((p) => p.lines.map((l) => l.index)).sort((a, b) => a - b)).toEqual(
            lines.map((l) => l.index),
          );
          expect(new Set(parts.map((p) => `${p.shopId}/${p.warehouseId}`)).size).toBe(parts.length);
          for (const p of parts) {
            expect(p.lines.every((l: PricedLine) => l.shopId === p.shopId)).toBe(true);
            expect(p.payable).toBe(p.goodsAmount - p.discount);
          }
        },
      ),
    );
  });
});
