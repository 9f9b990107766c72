import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../core/kernel/machine.ts';
import { createMetrics } from '../core/kernel/metrics.ts';
import { Mover } from '../core/kernel/mover.ts';
import { countMoves } from '../core/moves.ts';
import { orderMachine } from '../core/orders/orders.machine.ts';
import { openWorld, World } from './reconcile/support.ts';

const CORE = join(import.meta.dirname, '..', 'core');

async function everyMachine(): Promise<Machine[]> {
  const files = (await readdir(CORE, { recursive: true })).filter((file) => file.endsWith('.machine.ts'));
  const modules: Record<string, unknown>[] = await Promise.all(files.map((file) => import(join(CORE, file))));
  return modules.flatMap((module) => Object.values(module).filter(isMachine));
}

function isMachine(value: unknown): value is Machine {
  return typeof value === 'object' && value !== null && 'states' in value && 'table' in value;
}

describe('the count of moves', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('begins at 0 for every state of every machine', async () => {
    const metrics = createMetrics('test');
    countMoves(metrics);
    const text = await metrics.registry.metrics();
    const machines = await everyMachine();
    expect(machines.map(({ name }) => name)).toContain('payment');
    for (const { name, states } of machines) {
      for (const state of Object.keys(states)) {
        expect(text).toContain(`tidegate_order_state_total{machine="${name}",state="${state}"} 0\n`);
      }
    }
    expect(text).toContain('tidegate_gmv_minor_total{currency="CNY"} 0\n');
  });

  it('counts each committed move once, and what a paid order is worth', async () => {
    const metrics = createMetrics('test');
    const mover = new Mover(world.clock, countMoves(metrics));
    const core = { ...world.core, ctx: { ...world.ctx, mover } };
    const here = new World(core, world.clock, world.outside, world.sku);
    const first = await here.order();
    await here.paid(first.payOrderId);
    const second = await here.order({ coupon: await here.coupon() });
    await here.paid(second.payOrderId);
    await here.order();
    const text = await metrics.registry.metrics();
    expect(text).toContain('tidegate_gmv_minor_total{currency="CNY"} 14800\n');
    expect(text).toContain('tidegate_order_state_total{machine="order",state="O0"} 3\n');
    expect(text).toContain('tidegate_order_state_total{machine="order",state="O1"} 2\n');
    expect(text).toContain('tidegate_order_state_total{machine="payment",state="P8"} 2\n');
  });

  it('counts nothing that was rolled back', async () => {
    const metrics = createMetrics('test');
    const mover = new Mover(world.clock, countMoves(metrics));
    const { orderId } = await world.order();
    const undone = world.ctx.db.tx(async (tx) => {
      await mover.move(tx, orderMachine, { id: orderId, from: 'O0', to: 'O1', actor: 'test', reason: 'a test' });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    const text = await metrics.registry.metrics();
    expect(text).toContain('tidegate_order_state_total{machine="order",state="O1"} 0\n');
    expect(text).toContain('tidegate_gmv_minor_total{currency="CNY"} 0\n');
  });
});
