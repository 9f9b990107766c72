import { approveRefund } from '../../../core/aftersales/decisions.ts';
import { type Consumer, turn } from '../../../core/bus/consume.ts';
import { consumerOf, loadConsumers } from '../../../core/consumers/consumers.ts';
import { rehashSlice, sealNew } from '../../../core/ledger/sealing.ts';
import { readSystemIdentifier } from '../../../reconcile/check.store.ts';
import { loadChecks } from '../../../reconcile/check.ts';
import { runCheck } from '../../../reconcile/check-run.ts';
import { dirtyConsumer, feed, feedLagSeconds } from '../../../reconcile/dirty.ts';
import { eventually } from '../../support/eventually.ts';
import { bringBack, carry, deliver, giveBack, underWay } from './letters.ts';
import { NEVER, type Sale } from './sale.ts';
import { FAIR } from './weather.ts';

const CONSUMERS = [...(await loadConsumers()).values()];
/** Rounds of healing, and how much time passes between two of them: seconds first, then what deadlines take. */
const SECONDS = 15_000;
const MINUTES = 10 * 60_000;
const ROUNDS = 24;
const SECONDS_ROUNDS = 12;
/** Orders are completed by themselves. */
const WEEK_MS = 8 * 24 * 3_600_000;

/**
 * The healing: the weather is fair, nobody dies, no shopper does anything new. All that was promised must come to its end
 * by itself. Returns what did not, or does not add up.
 */
export async function settle(sale: Sale): Promise<readonly string[]> {
  sale.road.weather = FAIR;
  sale.guard.closed.clear();
  sale.guard.off.clear();
  sale.life.begin();
  for (let round = 0; round < ROUNDS; round += 1) {
    await heal(sale);
    await sale.audit();
    await sale.later(round < SECONDS_ROUNDS ? SECONDS : MINUTES);
  }
  await sale.later(WEEK_MS);
  await heal(sale);
  await heal(sale);
  return [...(await sale.settled()), ...(await checks(sale))];
}

async function heal(sale: Sale): Promise<void> {
  const { unanswered, letters, road, outside } = sale;
  outside.channel.onInit = 'open';
  outside.channel.onRefund = 'done';
  outside.fulfilment.onReturn = 'accepted';
  outside.marketing.onDeduct = 'deducted';
  for (const order of unanswered.splice(0)) await order();
  while (road.heldUp.length > 0) road.arrive(0);
  for (const kick of sale.queue.kicks.splice(0)) await sale.run(kick);
  for (const letter of letters.splice(0)) await deliver(sale, letter);
  for (const repair of sale.repairs) await sale.mend(repair);
  for (const declared of CONSUMERS) await listen(sale, consumerOf(sale.ctx, declared));
  for (const id of await sale.refundsAt('R1')) await approveRefund(sale.ctx, 'the service', id);
  for (const id of await sale.refundsAt('R15')) await sale.intervene(id);
  const { parcels, returns, refunds } = underWay(sale);
  for (const { shipmentId, state } of parcels)
    carry(sale, shipmentId, state === 'accepted' ? 'processing' : 'delivered');
  for (const { returnNo, state } of returns)
    bringBack(sale, returnNo, state === 'accepted' ? 'processing' : 'received');
  for (const refundNo of refunds) giveBack(sale, refundNo);
}

async function listen(sale: Sale, consumer: Consumer): Promise<void> {
  for (;;) {
    const taken = await turn({ db: sale.db, clock: sale.clock }, consumer, 'sale', NEVER);
    if (taken.kind === 'idle') return;
    if (taken.kind !== 'handled') throw new Error(`${consumer.name}: ${JSON.stringify(taken)}`);
  }
}

/** Every check of the engine comes to the same conclusion as the auditor, over all and over what was touched. */
async function checks(sale: Sale): Promise<string[]> {
  const all = await loadChecks();
  const kit = { ...sale.ctx, db: sale.db };
  const consumer = dirtyConsumer(sale.clock, all);
  const identifier = (await readSystemIdentifier(sale.db)) ?? 'unknown';
  // A transaction of another sale on this server may hold the horizon back for a moment.
  await eventually(async () => {
    await listen(sale, consumer);
    await feed(kit, all, NEVER);
    await sealNew(kit, identifier);
    return (await feedLagSeconds(kit)) === 0;
  });
  for (let whole = false; !whole; ) whole = (await rehashSlice(kit)).whole;
  const wrong: string[] = [];
  for (const check of all) {
    for (const full of [true, false]) {
      const { verdict, reason, count, first } = await runCheck(kit, check, { full, signal: NEVER });
      if (verdict !== 'holds') wrong.push(`check ${check.id}: ${verdict}, ${reason} ${count} ${JSON.stringify(first)}`);
    }
  }
  return wrong;
}
