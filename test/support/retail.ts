import { join } from 'node:path';
import { expect } from 'vitest';
import type { Tally } from '../../tui/replay/tally.ts';
import { booksOf, expectBooksAgree, LIVE } from './books.ts';
import { eventually } from './eventually.ts';
import type { System } from './system.ts';
import type { Ended } from './tidegate.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Whole invoices of the public Online Retail data set, chosen so that every kind occurs; see `test/data/README.md`. */
export const SAMPLE = join(ROOT, 'test/data/online-retail-sample.csv');

/** Its first 10,000 lines, which lie beside the repository where there is room for them; tests of it are skipped elsewhere. */
export const WHOLE = join(ROOT, '../shared/data/online-retail-2010-12.csv');

/** Everything of the file is played, and money in = money accounted = the channel's truth, with every check green. */
export function expectAgreement(ended: Ended, tally: Tally): void {
  const { invoices, worth } = tally.purchases;
  expect(ended.stderr).toBe('');
  expect(JSON.parse(ended.stdout)).toMatchObject({
    tally: JSON.parse(JSON.stringify(tally)),
    played: { paid: invoices, refused: [] },
    books: { moneyIn: worth, accounted: worth, channel: worth, fulfilled: invoices, apart: [] },
    verdict: { verdict: 'holds', notSince: [], openFindings: 0 },
    agrees: true,
  });
  expect(ended.code).toBe(0);
}

/** What the database and the sandbox say when nobody asks the replay. */
export async function expectTruth(system: System, tally: Tally): Promise<void> {
  const { invoices, worth } = tally.purchases;
  expect(await system.database.db.query({ text: LIVE })).toEqual([]);
  const books = await booksOf(system);
  expectBooksAgree(books, invoices);
  expect(books.channelPaid - books.channelRefunded).toBe(worth);
  const [counted] = await system.database.db.query({
    text: `SELECT (SELECT count(*) FROM core.payment WHERE state = 'P8') AS paid,
      (SELECT coalesce(-sum(amount), 0)::bigint FROM core.entry WHERE account_id = 'merchant_payable:GBP') AS earned,
      (SELECT count(*) FROM core.order_line l JOIN core.orders o ON o.id = l.order_id WHERE o.state = 'O2') AS lines,
      (SELECT count(*) FROM core.orders WHERE guest AND state = 'O2') AS guests,
      (SELECT count(*) FROM reconcile.finding) AS findings`,
  });
  const { lines, guests } = tally.purchases;
  expect(counted).toEqual({ paid: invoices, earned: worth, lines, guests, findings: 0 });
  // The bus is read exactly once, also across the lengths of transaction ids: what was tallied is what happened.
  await eventually(async () => {
    const [tallied] = await system.database.db.query({
      text: `SELECT (SELECT value FROM control.tally WHERE subject = 'paid' AND key = 'GBP') AS paid,
        (SELECT sum(value) FROM control.tally WHERE subject <> 'paid')::bigint
          - (SELECT count(*) FROM core.event WHERE from_state IS DISTINCT FROM to_state) AS off`,
    });
    expect(tallied).toEqual({ paid: worth, off: 0 });
  });
}

export async function ordersOf(system: System): Promise<number> {
  const [row] = await system.database.db.query<{ count: number }>({
    text: 'SELECT count(*) AS count FROM core.orders',
  });
  return row?.count ?? 0;
}
