import type { Consumer } from '../../core/bus/consume.ts';
import type { BusEvent } from '../../core/bus/event.ts';
import type { Clock } from '../../core/kernel/clock.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import type { MoneyAmount } from '../api/contract.ts';

/** What happened on one day (UTC). */
export interface DayTally {
  /** `machine state` → rows that entered it. */
  readonly entered: ReadonlyMap<string, number>;
  /** What was paid, per currency. */
  readonly paid: readonly MoneyAmount[];
}

/** The subject under which values of paid orders are added up; machines have other names. */
const PAID = 'paid';

/**
 * Adds up the event rows as they come: per day how many rows entered each state, and what was paid. The sums move in the
 * transaction of the cursor, so each event counts once; replicas share one reader by the bus's lease.
 */
export const tallyConsumer: Consumer = {
  name: 'control.tally',
  batch: 1_000,
  handle: async (events, tx) => {
    // A note moves nothing: its row names the state it found.
    const moves = events.filter(({ fromState, toState }) => fromState !== toState);
    const sums = new Map<string, Sum>();
    for (const event of moves) add(sums, dayOf(event), event.machine, event.toState, 1);
    const paid = moves.filter(({ machine, toState }) => machine === orderMachine.name && toState === 'O1');
    if (paid.length > 0) await addPaid(sums, paid, tx);
    if (sums.size > 0) await save(tx, [...sums.values()]);
  },
};

interface Sum {
  readonly day: string;
  readonly subject: string;
  readonly key: string;
  value: number;
}

function add(sums: Map<string, Sum>, day: string, subject: string, key: string, value: number): void {
  const name = `${day} ${subject} ${key}`;
  const known = sums.get(name);
  if (known === undefined) sums.set(name, { day, subject, key, value });
  else known.value += value;
}

function dayOf({ at }: Pick<BusEvent, 'at'>): string {
  return at.toISOString().slice(0, 10);
}

async function addPaid(sums: Map<string, Sum>, paid: readonly BusEvent[], tx: Tx): Promise<void> {
  const orders = await tx.query<{ id: string; currency: string; payable: number }>({
    name: 'tally.paid',
    text: 'SELECT id, currency, payable FROM core.orders WHERE id = ANY($1)',
    values: [paid.map(({ entityId }) => entityId)],
  });
  const byId = new Map(orders.map((order) => [order.id, order]));
  for (const event of paid) {
    const order = byId.get(event.entityId);
    if (order !== undefined) add(sums, dayOf(event), PAID, order.currency, order.payable);
  }
}

async function save(tx: Tx, sums: readonly Sum[]): Promise<void> {
  await tx.query({
    name: 'tally.save',
    text: `INSERT INTO control.tally AS t (day, subject, key, value)
           SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::bigint[])
           ON CONFLICT (day, subject, key) DO UPDATE SET value = t.value + excluded.value`,
    values: [
      sums.map(({ day }) => day),
      sums.map(({ subject }) => subject),
      sums.map(({ key }) => key),
      sums.map(({ value }) => value),
    ],
  });
}

/** What was added up for today (UTC) so far. */
export async function readToday(sql: Sql, clock: Clock): Promise<DayTally> {
  const rows = await sql.query<{ subject: string; key: string; value: number }>({
    name: 'tally.day',
    text: 'SELECT subject, key, value FROM control.tally WHERE day = $1::date ORDER BY subject, key',
    values: [dayOf({ at: clock.now() })],
  });
  const entered = rows.filter(({ subject }) => subject !== PAID);
  const paid = rows.filter(({ subject }) => subject === PAID);
  return {
    entered: new Map(entered.map(({ subject, key, value }) => [`${subject} ${key}`, value])),
    paid: paid.map(({ key, value }) => ({ amount: value, currency: key })),
  };
}
