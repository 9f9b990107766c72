import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { START } from '../../core/bus/bus.store.ts';
import { rewind, turn } from '../../core/bus/consume.ts';
import { CONFLICT_EVENTS } from '../../core/callbacks/callbacks.ts';
import { type ConsumerDeclaration, consumerOf, loadConsumers } from '../../core/consumers/consumers.ts';
import { STOCK_EVENTS } from '../../core/stock/pieces.ts';
import { cleanData } from '../reconcile/plant.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { eventually } from '../support/eventually.ts';
import { machinesOf } from '../support/machines.ts';
import { countRows } from '../support/rows.ts';

/* Every consumer of the registry, over a day on which everything happened once: none is listed here. */
const NEVER = new AbortController().signal;

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await cleanData(world);
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function drain(declaration: ConsumerDeclaration): Promise<number> {
  const consumer = consumerOf(world.ctx, declaration);
  let taken = 0;
  await eventually(async () => {
    const done = await turn(world.ctx, consumer, 'contract', NEVER);
    if (done.kind === 'parked' || done.kind === 'held back') throw new Error(`${declaration.id}: ${done.error}`);
    if (done.kind === 'handled') taken += done.count;
    return done.kind === 'idle';
  });
  return taken;
}

describe('the registry of consumers', async () => {
  const consumers = [...(await loadConsumers()).values()];
  const machines = new Set([...(await machinesOf()).keys(), STOCK_EVENTS, CONFLICT_EVENTS]);

  test.each(consumers.map((one) => [one.id, one] as const))('%s says what it does and whom it hears', (_, one) => {
    expect(one.id).toMatch(/^[a-z]+([-_][a-z]+)*$/);
    expect(one.title).toMatch(/^[A-Z]/);
    expect(one.titleZh).toMatch(/\p{Script=Han}/u);
    expect(one.batch).toBeGreaterThanOrEqual(1);
    expect(one.batch).toBeLessThanOrEqual(1_000);
    expect(one.machines.length).toBeGreaterThan(0);
  });

  test('hears machines that there are', () => {
    expect(consumers.flatMap(({ machines: heard }) => heard).filter((name) => !machines.has(name))).toEqual([]);
  });

  test.each(consumers.map((one) => [one.id, one] as const))(
    '%s takes a whole day, and shown it again it changes nothing',
    async (_, one) => {
      const theirs = await heardBy(one);
      expect(await drain(one)).toBe(theirs);
      const before = await countRows(world.ctx.db);
      const sums = await sumsOf();
      await rewind(world.ctx, one.id, START);
      expect(await drain(one)).toBe(await heardBy(one));
      expect(await countRows(world.ctx.db)).toEqual(before);
      expect(await sumsOf()).toEqual(sums);
    },
  );
});

async function heardBy({ machines }: ConsumerDeclaration): Promise<number> {
  const rows = await world.ctx.db.query<{ n: number }>({
    text: 'SELECT count(*) AS n FROM core.event WHERE machine = ANY($1)',
    values: [machines],
  });
  return rows[0]?.n ?? 0;
}

/** What counts up rather than adding rows. */
async function sumsOf(): Promise<unknown> {
  return world.ctx.db.query({
    text: `SELECT (SELECT count(*) FROM core.notification) AS told, (SELECT sum(count) FROM core.statistic) AS statistics, (SELECT sum(amount) FROM core.statistic) AS amounts,
      (SELECT sum(abs(amount)) FROM core.entry) AS booked, (SELECT sum(balance) FROM core.account) AS balances`,
  });
}
