import { expect, test } from 'vitest';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { readSealStanding } from '../../core/ledger/seals.read.ts';
import { Runner } from '../../reconcile/runner.ts';
import { eventually } from '../support/eventually.ts';
import { openWorld } from './support.ts';

test('the reconcilers seal what was booked and hash it again by themselves, one of them for all', async () => {
  await using world = await openWorld();
  const { payOrderId } = await world.order();
  await world.paid(payOrderId);
  const context = world.ctx;
  await using _one = await Runner.start({ context, metrics: createMetrics('reconcile'), replica: 'one' });
  await using _two = await Runner.start({ context, metrics: createMetrics('reconcile'), replica: 'two' });
  await eventually(
    async () => {
      const { head, unsealedSince, wholeSince } = await readSealStanding(context.db);
      return head !== null && unsealedSince === null && wholeSince !== null;
    },
    { timeoutMs: 40_000, everyMs: 200 },
  );
  const [holding] = await context.db.query({
    text: `SELECT count(*) AS holders FROM core.holding WHERE name = 'sealing' AND lease_until > clock_timestamp()`,
  });
  expect(holding).toEqual({ holders: 1 });
});
