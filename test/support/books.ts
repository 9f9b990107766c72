import { expect } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../core/kernel/clock.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { eventually } from './eventually.ts';
import type { Premises } from './premises.ts';
import { http } from './shop.ts';

/** Rows that are neither at an end nor resting for a person: after the healing there must be none. */
export const LIVE = `
  SELECT 'payment' AS machine, id, state, tries, person_reason FROM core.payment WHERE state IN ('P0','P1','P2','P4','P5','P7')
  UNION ALL SELECT 'shipment', id, state, tries, person_reason FROM core.shipment WHERE state IN ('F0','F1','F2')
  UNION ALL SELECT 'order', id, state, tries, person_reason FROM core.orders WHERE state IN ('O0','O1')
  UNION ALL SELECT 'refund', id, state, tries, person_reason FROM core.refund WHERE state NOT IN ('R3','R10','R15')
  UNION ALL SELECT 'deduction', id, state, tries, person_reason FROM core.deduction WHERE state IN ('ASKED','ROLLBACK_PENDING')
  UNION ALL SELECT 'capture', id, state, tries, person_reason FROM core.capture WHERE state = 'LATE'
  UNION ALL SELECT 'callback', id, state, tries, person_reason FROM core.callback WHERE state = 'STORED'
  UNION ALL SELECT 'room_lock', id, state, tries, person_reason FROM core.room_lock WHERE state IN ('ASKED','RELEASING')
  LIMIT 20`;

export interface Books {
  readonly captured: number;
  readonly refunded: number;
  /** The clearing accounts: what the channels hold for us. */
  readonly clearing: number;
  readonly ledgerTotal: number;
  readonly suspense: number;
  /** What the channels say they took and gave back. */
  readonly channelPaid: number;
  readonly channelRefunded: number;
  /** Keys whose effect happened more than once out there. */
  readonly repeatedEffects: number;
  /** Moves that happened more than once: the same row out of the same state twice. A product may sell out again and again. */
  readonly repeatedMoves: number;
  readonly couponsUsed: number;
  readonly couponsDeducted: number;
  readonly ordersFulfilled: number;
  readonly stockOff: number;
}

/** The sum of a state whose rows have no amount is null: requests that were closed before they arrived. */
const sums = z.array(z.object({ state: z.string(), amount: z.string().nullable() }));
/** What the sandbox says it did, as far as the books need it. */
export const effectsAnswer = z.object({
  trades: sums,
  refunds: sums,
  deductions: z.array(z.object({ state: z.string(), count: z.int() })),
  repeated: z.int(),
});

/** Reads the books of every party once. */
export async function booksOf(premises: Pick<Premises, 'one' | 'database'>): Promise<Books> {
  const { body } = await http(`${premises.one('sandbox').url}/sandbox/effects`);
  const effects = effectsAnswer.parse(body);
  const [ours] = await premises.database.db.query<
    Omit<Books, 'channelPaid' | 'channelRefunded' | 'repeatedEffects' | 'couponsDeducted'>
  >({
    text: `SELECT
      (SELECT coalesce(sum(amount), 0)::bigint FROM core.capture) AS captured,
      (SELECT coalesce(sum(amount), 0)::bigint FROM core.refund WHERE state = 'R10') AS refunded,
      (SELECT coalesce(sum(amount), 0)::bigint FROM core.entry WHERE account_id LIKE 'clearing:%') AS clearing,
      (SELECT coalesce(sum(amount), 0)::bigint FROM core.entry) AS "ledgerTotal",
      (SELECT coalesce(sum(amount), 0)::bigint FROM core.entry WHERE account_id LIKE 'suspense:%') AS suspense,
      (SELECT count(*) FROM (SELECT 1 FROM core.event
        WHERE from_state IS DISTINCT FROM to_state AND machine <> 'product'
        GROUP BY machine, entity_id, from_state, to_state HAVING count(*) > 1) twice) AS "repeatedMoves",
      (SELECT count(*) FROM core.coupon WHERE state = 'used') AS "couponsUsed",
      (SELECT count(*) FROM core.orders WHERE state = 'O2') AS "ordersFulfilled",
      (SELECT count(*) FROM core.stock s WHERE reserved <> 0 OR sold <> (SELECT coalesce(sum(quantity), 0) FROM core.reservation r
        WHERE r.sku_id = s.sku_id AND r.state = 'taken')) AS "stockOff"`,
  });
  if (ours === undefined) throw new Error('no books');
  const sum = (rows: z.infer<typeof sums>, state: string): number =>
    rows.filter((row) => row.state === state).reduce((total, row) => total + Number(row.amount), 0);
  return {
    ...ours,
    channelPaid: sum(effects.trades, 'paid'),
    channelRefunded: sum(effects.refunds, 'done'),
    repeatedEffects: effects.repeated,
    couponsDeducted: effects.deductions.find((row) => row.state === 'deducted')?.count ?? 0,
  };
}

/** All parties say the same, nothing happened twice, and every order was fulfilled. */
export function expectBooksAgree(books: Books, orders: number): void {
  expect(books).toMatchObject({
    captured: books.channelPaid,
    refunded: books.channelRefunded,
    clearing: books.channelPaid - books.channelRefunded,
    ledgerTotal: 0,
    suspense: 0,
    repeatedEffects: 0,
    repeatedMoves: 0,
    couponsUsed: books.couponsDeducted,
    ordersFulfilled: orders,
    stockOff: 0,
  });
}

/** Waits until every check has run anew, and holds: reconcilers must run. */
export async function everyCheckHolds({ database }: Pick<Premises, 'database'>): Promise<void> {
  const from = systemClock.now();
  const ids = (await loadChecks()).map(({ id }) => id);
  await eventually(
    async () => {
      const rows = await database.db.query<{ coverage: unknown }>({
        text: `SELECT check_id, verdict, reason, started_at > $1 AS anew, coverage
          FROM reconcile.check_verdict ORDER BY check_id`,
        values: [from],
      });
      const good = { verdict: 'holds', reason: null, anew: true };
      const said = rows.map(({ coverage: _coverage, ...row }) => row);
      expect(said, JSON.stringify(rows)).toEqual(ids.toSorted().map((id) => ({ check_id: id, ...good })));
    },
    { timeoutMs: 60_000, everyMs: 250 },
  );
}
