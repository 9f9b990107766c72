import { describe, expect, it } from 'vitest';
import { ORDER_TYPES } from '../../core/orders/order-type.ts';
import type { PricedLine } from '../../core/orders/pricing.ts';

const line = (index: number, goodsKind: PricedLine['goodsKind']): PricedLine => ({
  index,
  skuId: 100_001 + index,
  name: `SKU ${index}`,
  snapshotId: 's',
  shopId: 1,
  goodsKind,
  counted: true,
  deductAt: 'reserve',
  quantity: 1,
  unitPrice: 100,
  amount: 100,
});

it('there are the types that shops rely on', () => {
  expect([...ORDER_TYPES.keys()]).toEqual(expect.arrayContaining(['physical', 'virtual', 'topup', 'hotel', 'presale']));
});

describe.each([...ORDER_TYPES.values()])('order type $id', (type) => {
  it('takes no details that it does not know', () => {
    expect(type.details.safeParse({ noTypeHasThis: 1 }).success).toBe(false);
  });

  it('takes its own example', () => {
    expect(type.details.safeParse(type.example)).toMatchObject({ success: true });
  });

  it('says by an object what extra fields it has', () => {
    expect(type.details.safeParse('text').success).toBe(false);
    expect(type.details.safeParse(null).success).toBe(false);
  });

  it('fits some goods and refuses others, by field', () => {
    const kinds = (['physical', 'virtual'] as const).map((kind) =>
      type.refuse([line(0, kind)], type.details.parse(type.example), new Date('2026-11-11T00:00:00Z')),
    );
    expect(kinds.some((refusal) => refusal === null)).toBe(true);
    const refused = kinds.filter((refusal) => refusal !== null);
    for (const refusal of refused) expect(refusal).toMatchObject({ code: 'order_type_mismatch', errors: [{}] });
  });
});
