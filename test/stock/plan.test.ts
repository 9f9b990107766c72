import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planWarehouses, type Shelf } from '../../core/stock/plan.ts';

const shelf = (warehouseId: number, onHand: number, priority = 100): Shelf => ({ warehouseId, onHand, priority });
const wants = (...lines: (readonly [skuId: number, quantity: number])[]) =>
  lines.map(([skuId, quantity]) => ({ skuId, quantity }));
const stock = (entries: Record<number, readonly Shelf[]>) =>
  new Map(Object.entries(entries).map(([skuId, shelves]) => [Number(skuId), shelves]));

describe('which warehouse serves what', () => {
  it('is one for everything where one has it all', () => {
    const plan = planWarehouses(wants([7, 2], [8, 1]), stock({ 7: [shelf(1, 9), shelf(2, 9)], 8: [shelf(2, 1)] }));
    expect(plan).toEqual({
      parts: [[{ warehouseId: 2, quantity: 2 }], [{ warehouseId: 2, quantity: 1 }]],
      split: [],
      lacks: [],
    });
  });

  it('is the first by priority among equals, then the older one', () => {
    const both = [shelf(1, 5), shelf(2, 5), shelf(3, 5, 10)];
    expect(planWarehouses(wants([7, 1]), stock({ 7: both })).parts).toEqual([[{ warehouseId: 3, quantity: 1 }]]);
    expect(planWarehouses(wants([7, 1]), stock({ 7: both.slice(0, 2) })).parts[0]?.[0]?.warehouseId).toBe(1);
  });

  it('never splits a line that one warehouse has whole, and says which lines it had to split', () => {
    const plan = planWarehouses(wants([7, 4], [7, 5]), stock({ 7: [shelf(1, 3), shelf(2, 4), shelf(3, 2)] }));
    expect(plan.parts).toEqual([
      [{ warehouseId: 2, quantity: 4 }],
      [
        { warehouseId: 1, quantity: 3 },
        { warehouseId: 3, quantity: 2 },
      ],
    ]);
    expect(plan.split).toEqual([1]);
  });

  it('names what all together do not have', () => {
    const plan = planWarehouses(wants([7, 4], [9, 1], [7, 3]), stock({ 7: [shelf(1, 3), shelf(2, 3)] }));
    expect(plan.lacks).toEqual([
      { skuId: 7, wanted: 7, available: 6 },
      { skuId: 9, wanted: 1, available: 0 },
    ]);
  });

  it('serves every line exactly from what is there, whatever is wanted', () => {
    const shelves = fc.array(fc.record({ onHand: fc.nat(12), priority: fc.nat(2) }), { maxLength: 4 });
    const line = fc.record({ skuId: fc.integer({ min: 1, max: 4 }), quantity: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(fc.tuple(shelves, shelves, shelves, shelves), fc.array(line, { maxLength: 8 }), (all, lines) => {
        const given = new Map(all.map((s, i) => [i + 1, s.map((one, w) => ({ ...one, warehouseId: w + 1 }))]));
        const plan = planWarehouses(lines, given);
        expect(planWarehouses(lines, given)).toEqual(plan);
        const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
        for (const [skuId, ofSku] of given) {
          const there = sum(ofSku.map((s) => s.onHand));
          const wanted = sum(lines.filter((l) => l.skuId === skuId).map((l) => l.quantity));
          expect(plan.lacks.some((lack) => lack.skuId === skuId)).toBe(wanted > there);
          for (const { warehouseId, onHand } of ofSku) {
            const taken = lines.flatMap((l, i) => (l.skuId === skuId ? (plan.parts[i] ?? []) : []));
            expect(sum(taken.filter((p) => p.warehouseId === warehouseId).map((p) => p.quantity))).toBeLessThanOrEqual(
              onHand,
            );
          }
        }
        if (plan.lacks.length > 0) return;
        for (const [i, l] of lines.entries()) {
          expect(sum((plan.parts[i] ?? []).map((p) => p.quantity))).toBe(l.quantity);
          expect((plan.parts[i] ?? []).length > 1).toBe(plan.split.includes(i));
        }
      }),
    );
  });
});
