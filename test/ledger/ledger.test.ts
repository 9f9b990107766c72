import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import type { Query, Sql } from '../../core/kernel/db/database.ts';
import { allocate } from '../../core/kernel/money.ts';
import {
  type AccountRef,
  clearing,
  merchantPayable,
  refundPayable,
  subsidy,
  suspense,
} from '../../core/ledger/accounts.ts';
import {
  accountOf,
  type EntryPlace,
  type EntryView,
  entriesOf,
  entriesOfPayOrder,
} from '../../core/ledger/ledger.read.ts';
import { post } from '../../core/ledger/ledger.ts';
import { credit, debit, type Posting, type Side } from '../../core/ledger/posting.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.[Symbol.asyncDispose]());

let facts = 0;
function posting(sides: readonly Side[], given: Partial<Posting> = {}): Posting {
  facts += 1;
  return { kind: 'capture', reference: `cap_${facts}`, payOrderId: `po_${facts}`, reason: 'a test', sides, ...given };
}
const book = (wanted: Posting): Promise<boolean> => database.db.tx((tx) => post(tx, systemClock, wanted));
const balance = async (id: string): Promise<string | undefined> => (await accountOf(database.db, id))?.balance;

async function rowsOf(reference: string): Promise<{ postings: number; entries: number }> {
  const [row] = await database.db.query<{ postings: number; entries: number }>({
    text: `SELECT count(DISTINCT p.id) AS postings, count(e.id) AS entries
      FROM core.posting p LEFT JOIN core.entry e ON e.posting_id = p.id WHERE p.reference = $1`,
    values: [reference],
  });
  return row ?? { postings: 0, entries: 0 };
}

describe('a posting', () => {
  test('is written with its entries, and read back by account and by pay order', async () => {
    const wanted = posting([
      debit(clearing('one', 'CNY'), 6_900),
      debit(subsidy('CNY'), 1_000),
      credit(merchantPayable('CNY'), 7_900, 'order_1'),
    ]);
    expect(await book(wanted)).toBe(true);
    expect(await balance('clearing:one:CNY')).toBe('6900');
    const ours = await entriesOfPayOrder(database.db, wanted.payOrderId ?? '');
    expect(
      ours.map(({ accountId, amount, currency, orderId, kind, reference }) => [
        accountId,
        amount,
        currency,
        orderId,
        kind,
        reference,
      ]),
    ).toEqual([
      ['clearing:one:CNY', 6_900, 'CNY', null, 'capture', wanted.reference],
      ['subsidy:CNY', 1_000, 'CNY', null, 'capture', wanted.reference],
      ['merchant_payable:CNY', -7_900, 'CNY', 'order_1', 'capture', wanted.reference],
    ]);
    expect(await entriesOf(database.db, 'clearing:one:CNY', null, 10)).toEqual([ours[0]]);
  });

  test('leaves out its sides of 0; a posting of nothing else is kept as a fact without entries', async () => {
    const some = posting([
      debit(clearing('one', 'CNY'), 0),
      debit(subsidy('CNY'), 100),
      credit(merchantPayable('CNY'), 100),
    ]);
    await book(some);
    expect(await rowsOf(some.reference)).toEqual({ postings: 1, entries: 2 });
    const none = posting([debit(clearing('one', 'CNY'), 0), credit(merchantPayable('CNY'), 0)]);
    expect(await book(none)).toBe(true);
    expect(await book(none)).toBe(false);
    expect(await rowsOf(none.reference)).toEqual({ postings: 1, entries: 0 });
  });

  test.each<[string, Side[]]>([
    ['off by one', [debit(clearing('bad', 'CNY'), 100), credit(merchantPayable('CNY'), 99)]],
    ['one side only', [debit(clearing('bad', 'CNY'), 100)]],
    [
      'balanced over two currencies and in none',
      [debit(clearing('bad', 'CNY'), 100), credit(merchantPayable('GBP'), 100)],
    ],
    ['a fraction of a unit', [debit(clearing('bad', 'CNY'), 0.5), credit(merchantPayable('CNY'), 0.5)]],
    ['beyond 2^53', [debit(clearing('bad', 'CNY'), 2 ** 53), credit(merchantPayable('CNY'), 2 ** 53)]],
  ])('that is %s throws, and its transaction leaves nothing', async (_, sides) => {
    const wanted = posting(sides);
    const together = database.db.tx(async (tx) => {
      await post(tx, systemClock, posting([debit(clearing('bad', 'CNY'), 5), credit(merchantPayable('CNY'), 5)]));
      await post(tx, systemClock, wanted);
    });
    await expect(together).rejects.toThrow(/broken invariant/);
    expect(await rowsOf(wanted.reference)).toEqual({ postings: 0, entries: 0 });
    expect(await balance('clearing:bad:CNY')).toBeUndefined();
  });

  test('in two currencies balances in each', async () => {
    const wanted = posting([
      debit(clearing('fx', 'CNY'), 700),
      credit(merchantPayable('CNY'), 700),
      debit(clearing('fx', 'KWD'), 29),
      credit(merchantPayable('KWD'), 29),
    ]);
    expect(await book(wanted)).toBe(true);
    expect([await balance('clearing:fx:CNY'), await balance('clearing:fx:KWD')]).toEqual(['700', '29']);
  });
});

describe('a fact', () => {
  test('is booked once, however often and by however many at once', async () => {
    const wanted = posting([debit(clearing('once', 'CNY'), 300), credit(merchantPayable('CNY'), 300)]);
    const booked = await Promise.all(Array.from({ length: 12 }, () => book(wanted)));
    expect(booked.filter(Boolean)).toHaveLength(1);
    expect(await book(wanted)).toBe(false);
    expect(await rowsOf(wanted.reference)).toEqual({ postings: 1, entries: 2 });
    expect(await balance('clearing:once:CNY')).toBe('300');
  });

  test('with other sides the second time changes nothing: the first word stands', async () => {
    const wanted = posting([debit(clearing('first', 'CNY'), 300), credit(merchantPayable('CNY'), 300)]);
    await book(wanted);
    expect(
      await book({ ...wanted, sides: [debit(clearing('first', 'CNY'), 9), credit(merchantPayable('CNY'), 9)] }),
    ).toBe(false);
    expect(await balance('clearing:first:CNY')).toBe('300');
  });

  test('of another kind under the same reference is another fact', async () => {
    const asked = posting([debit(merchantPayable('CNY'), 50), credit(refundPayable('CNY'), 50)], {
      kind: 'refund_asked',
    });
    const done = {
      ...asked,
      kind: 'refund_done' as const,
      sides: [debit(refundPayable('CNY'), 50), credit(clearing('kind', 'CNY'), 50)],
    };
    expect([await book(asked), await book(done)]).toEqual([true, true]);
    expect(await balance('clearing:kind:CNY')).toBe('-50');
  });

  test('is not booked when the transaction around it rolls back, and can be booked then', async () => {
    const wanted = posting([debit(clearing('undone', 'CNY'), 70), credit(merchantPayable('CNY'), 70)]);
    await expect(
      database.db.tx(async (tx) => {
        expect(await post(tx, systemClock, wanted)).toBe(true);
        throw new Error('the move failed');
      }),
    ).rejects.toThrow('the move failed');
    expect(await balance('clearing:undone:CNY')).toBeUndefined();
    expect(await book(wanted)).toBe(true);
    expect(await balance('clearing:undone:CNY')).toBe('70');
  });
});

test('first postings of the same new accounts at once, named in opposite orders, do not wait in a ring', async () => {
  const [a, m, z] = ['a', 'm', 'z'].map((name) => clearing(`ring-${name}`, 'CNY')) as [
    AccountRef,
    AccountRef,
    AccountRef,
  ];
  const sidesOf = (...order: AccountRef[]): Side[] =>
    order.flatMap((account) => [debit(account, 1), credit(merchantPayable('CNY'), 1)]);
  // Both come to stand: one at the middle account, which a third holds, the other there too or behind the first.
  const third = await database.db.pool.connect();
  await third.query('BEGIN');
  await third.query(`INSERT INTO core.account (id, kind, currency, created_at) VALUES ($1, $2, 'CNY', now())`, [
    m.id,
    m.kind,
  ]);
  const both = Promise.all([bookOnce(posting(sidesOf(a, m, z))), bookOnce(posting(sidesOf(z, m, a)))]);
  both.catch(() => undefined);
  await eventually(async () => {
    const waiting = await database.db.query({
      text: `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    });
    return waiting.length === 2;
  });
  await third.query('ROLLBACK');
  third.release();
  await both;
  expect([await balance(a.id), await balance(m.id), await balance(z.id)]).toEqual(['2', '2', '2']);
});

/** In a transaction that is not tried again: whoever loses a deadlock says so. */
async function bookOnce(wanted: Posting): Promise<void> {
  const client = await database.db.pool.connect();
  const sql: Sql = {
    async query<Row extends object>({ text, values = [] }: Query): Promise<Row[]> {
      return (await client.query<Row>({ text, values: [...values] })).rows;
    },
  };
  try {
    await client.query('BEGIN');
    await post(sql, systemClock, wanted);
    await client.query('COMMIT');
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

test('whatever is booked, every account is the sum of its entries, and all accounts together are nothing', async () => {
  const currency = fc.constantFrom('GBP' as const, 'JPY' as const, 'KWD' as const);
  const fact = fc.record({
    currency,
    total: fc.integer({ min: 1, max: 1_000_000_000 }),
    shares: fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 5 }),
    channel: fc.constantFrom('a', 'b'),
    back: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fact, { minLength: 1, maxLength: 12 }), async (wishes) => {
      const model = new Map<string, bigint>();
      const accounts = ['a', 'b'].flatMap((channel) =>
        (['GBP', 'JPY', 'KWD'] as const).flatMap((cur) => [
          clearing(channel, cur),
          suspense(cur),
          merchantPayable(cur),
        ]),
      );
      for (const { id } of accounts) model.set(id, BigInt((await balance(id)) ?? 0));
      await Promise.all(
        wishes.map(async (wish) => {
          const parts = allocate(wish.total, wish.shares);
          const sign = wish.back ? -1 : 1;
          const sides = [
            debit(clearing(wish.channel, wish.currency), sign * wish.total),
            ...parts.map((part, i) =>
              credit(i % 2 === 0 ? merchantPayable(wish.currency) : suspense(wish.currency), sign * part),
            ),
          ];
          for (const side of sides)
            model.set(side.account.id, (model.get(side.account.id) ?? 0n) + BigInt(side.amount));
          await book(posting(sides));
        }),
      );
      for (const [id, expected] of model) expect(BigInt((await balance(id)) ?? 0), id).toBe(expected);
      const [trial] = await database.db.query({
        text: 'SELECT count(*) AS off FROM (SELECT currency FROM core.entry GROUP BY currency HAVING sum(amount) <> 0) t',
      });
      expect(trial).toEqual({ off: 0 });
    }),
    { numRuns: 25 },
  );
});

test('entries of an account come in pages, newest first, none twice and none lost', async () => {
  for (let i = 1; i <= 23; i += 1)
    await book(posting([debit(clearing('pages', 'CNY'), i), credit(merchantPayable('CNY'), i)]));
  const seen: number[] = [];
  for (let before: EntryPlace | null = null; ; ) {
    const page: EntryView[] = await entriesOf(database.db, 'clearing:pages:CNY', before, 10);
    seen.push(...page.map(({ amount }) => amount));
    if (page.length < 10) break;
    before = page.at(-1) ?? null;
  }
  expect(seen).toEqual(Array.from({ length: 23 }, (_, i) => 23 - i));
});
