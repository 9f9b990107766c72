import { expect, it } from 'vitest';
import { LIFE_CYCLE, PRODUCT_STATE_CODES, productMachine } from '../../core/catalog/catalog.machine.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import { loadDemoCatalogue } from '../../core/catalog/demo.ts';
import { testCore } from '../support/core.ts';

it('every command is a way that the table knows, and every state has its number', () => {
  for (const { from, to } of Object.values(LIFE_CYCLE)) {
    for (const state of from) expect(productMachine.states[state].to).toContain(to);
  }
  expect(Object.keys(PRODUCT_STATE_CODES)).toEqual(Object.keys(productMachine.states));
});

it('the demo catalogue is loaded once, by however many start at once', async () => {
  await using core = await testCore();
  const loaded = await Promise.all(Array.from({ length: 6 }, () => loadDemoCatalogue(core.ctx)));
  expect(new Set(loaded.map((products) => JSON.stringify(products.map((p) => p.skus.map((s) => s.skuId))))).size).toBe(
    1,
  );
  const again = await loadDemoCatalogue(core.ctx);
  expect(again.map((p) => [p.name, p.state, p.version])).toEqual([
    ['经典圆领男士T恤', 'ON_SHELF', 3],
    ['中国移动流量包充值', 'ON_SHELF', 3],
  ]);
  expect(again.flatMap((p) => p.skus.map((s) => s.price.amount))).toEqual([7900, 7900, 500, 2000, 3800]);
  const [counts] = await core.ctx.db.query({
    text: 'SELECT (SELECT count(*) FROM core.spu) AS spu, (SELECT count(*) FROM core.sku) AS sku',
  });
  expect(counts).toEqual({ spu: 2, sku: 5 });
});

it('the demo catalogue leaves alone what somebody took off the shelf', async () => {
  await using core = await testCore();
  const [shirt] = await loadDemoCatalogue(core.ctx);
  await changeState(core.ctx, 'a merchant', shirt?.spuId ?? 0, 'unpublish', undefined);
  expect((await loadDemoCatalogue(core.ctx)).map((p) => p.state)).toEqual(['OFF_SHELF', 'ON_SHELF']);
});
