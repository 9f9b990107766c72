import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/kernel/clock.ts';
import type { Result } from '../../core/kernel/errors.ts';
import { points, wallet } from '../../core/ledger/accounts.ts';
import * as booking from '../../core/ledger/booking.ts';
import { post, tryPost } from '../../core/ledger/ledger.ts';
import { credit, debit, type Posting } from '../../core/ledger/posting.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 24 });
});
afterAll(() => database?.[Symbol.asyncDispose]());

const CNY = 'CNY' as const;
let users = 1000;
const newUser = (): number => {
  users += 1;
  return users;
};
let facts = 0;
const fact = (reference = `limited_${facts}`) => {
  facts += 1;
  return { reference, payOrderId: null, reason: 'a test' };
};
const topUp = (userId: number, amount: number, reference?: string): Posting =>
  booking.walletToppedUp({ ...fact(reference), currency: CNY, amount, userId, orderId: null });
const hold = (userId: number, amount: number, reference?: string): Posting =>
  booking.walletHeld({ ...fact(reference), currency: CNY, amount, userId });
/** What `booking` has no word for, and a test of locks needs: from one wallet to another. */
const transfer = (from: number, to: number, amount: number): Posting => ({
  ...fact(),
  kind: 'correction',
  sides: [debit(wallet(from, CNY), amount), credit(wallet(to, CNY), amount)],
});
const book = (wanted: Posting): Promise<Result<boolean>> => database.db.tx((tx) => tryPost(tx, systemClock, wanted));

interface Row {
  readonly balance: number;
  readonly sequence: number;
}
async function accountRow(id: string): Promise<Row | undefined> {
  const [row] = await database.db.query<Row>({
    text: 'SELECT balance, sequence FROM core.account WHERE id = $1',
    values: [id],
  });
  return row;
}

/** Sequences without gap, each balance the one before and its entry, the last one what the account says. */
async function expectWhole(id: string): Promise<void> {
  const rows = await database.db.query<{ amount: number; sequence: number; after: number }>({
    text: `SELECT amount, account_sequence AS sequence, balance_after AS after FROM core.entry
      WHERE account_id = $1 ORDER BY account_sequence`,
    values: [id],
  });
  let balance = 0;
  for (const [i, row] of rows.entries()) {
    balance -= row.amount;
    expect([row.sequence, row.after]).toEqual([i + 1, balance]);
    expect(row.after).toBeGreaterThanOrEqual(0);
  }
  expect(await accountRow(id)).toEqual({ balance, sequence: rows.length });
}

async function entriesOf(reference: string): Promise<number> {
  const [row] = await database.db.query<{ n: number }>({
    text: 'SELECT count(*) AS n FROM core.posting p LEFT JOIN core.entry e ON e.posting_id = p.id WHERE p.reference = $1',
    values: [reference],
  });
  return row?.n ?? 0;
}

describe('an account that limits its balance', () => {
  test('carries it, with a sequence and the balance after each entry', async () => {
    const user = newUser();
    expect(await book(topUp(user, 5_000))).toEqual({ ok: true, value: true });
    expect(await book(hold(user, 1_200))).toEqual({ ok: true, value: true });
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 3_800, sequence: 2 });
    await expectWhole(wallet(user, CNY).id);
  });

  test('refuses what would pass its floor, to the last unit, and nothing is written', async () => {
    const user = newUser();
    await book(topUp(user, 100));
    const wanted = hold(user, 101);
    expect(await book(wanted)).toMatchObject({
      ok: false,
      code: 'balance_too_low',
      meta: { account: wallet(user, CNY).id, balance: 100, wanted: 101 },
    });
    expect(await entriesOf(wanted.reference)).toBe(0);
    expect(await book(hold(user, 100))).toEqual({ ok: true, value: true });
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 0, sequence: 2 });
  });

  test('that nobody has used yet holds nothing', async () => {
    const user = newUser();
    expect(await book(hold(user, 1))).toMatchObject({ ok: false, code: 'balance_too_low' });
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 0, sequence: 0 });
  });

  test('ends the transaction of who cannot go on without it', async () => {
    const user = newUser();
    const other = topUp(newUser(), 10);
    const together = database.db.tx(async (tx) => {
      await post(tx, systemClock, other);
      await post(tx, systemClock, hold(user, 1));
    });
    await expect(together).rejects.toMatchObject({ refusal: { code: 'balance_too_low' } });
    expect(await entriesOf(other.reference)).toBe(0);
  });

  test('counts several entries of one posting one after the other', async () => {
    const user = newUser();
    await book(topUp(user, 50));
    const both: Posting = {
      ...fact(),
      kind: 'correction',
      sides: [debit(wallet(user, CNY), 80), credit(wallet(user, CNY), 30), ...topUp(newUser(), 50).sides.slice(1)],
    };
    expect(await book(both)).toEqual({ ok: true, value: true });
    const rows = await database.db.query({
      text: `SELECT account_sequence AS n, balance_after AS after FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
        WHERE p.reference = $1 AND account_id = $2 ORDER BY e.id`,
      values: [both.reference, wallet(user, CNY).id],
    });
    expect(rows).toEqual([
      { n: 2, after: -30 },
      { n: 3, after: 0 },
    ]);
  });
});

describe('at once', () => {
  test('two postings on one wallet at its floor: one is booked, the other refused', async () => {
    for (let round = 0; round < 10; round += 1) {
      const user = newUser();
      await book(topUp(user, 100));
      const both = await Promise.all([book(hold(user, 60)), book(hold(user, 60))]);
      expect(both.filter(({ ok }) => ok)).toHaveLength(1);
      expect(both.find(({ ok }) => !ok)).toMatchObject({ code: 'balance_too_low', meta: { balance: 40 } });
      expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 40, sequence: 2 });
    }
  });

  test('a hundred spend one wallet: exactly what it holds is spent', async () => {
    const user = newUser();
    await book(topUp(user, 37));
    const all = await Promise.all(Array.from({ length: 100 }, () => book(hold(user, 1))));
    expect(all.filter(({ ok }) => ok)).toHaveLength(37);
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 0, sequence: 38 });
    await expectWhole(wallet(user, CNY).id);
  });

  test('first postings of one new wallet are all booked', async () => {
    const user = newUser();
    const all = await Promise.all(Array.from({ length: 20 }, () => book(topUp(user, 3))));
    expect(all.every(({ ok }) => ok)).toBe(true);
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 60, sequence: 20 });
    await expectWhole(wallet(user, CNY).id);
  });

  test('transfers that cross do not deadlock, and no unit is lost', async () => {
    const many = Array.from({ length: 4 }, newUser);
    await Promise.all(many.map((user) => book(topUp(user, 1_000))));
    const { ctx, deadlocks } = {
      ctx: database.db,
      deadlocks: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    };
    const before = await ctx.query<{ deadlocks: number }>({ text: deadlocks });
    const wishes = Array.from({ length: 240 }, (_, i) => {
      const from = many[i % 4] ?? 0;
      const to = many[(i + 1 + (i % 3)) % 4] ?? 0;
      return i % 2 === 0 ? transfer(from, to, 1 + (i % 7)) : transfer(to, from, 1 + (i % 5));
    });
    const done = await Promise.all(wishes.map(book));
    expect(done.every(({ ok }) => ok)).toBe(true);
    await ctx.query({ text: 'SELECT pg_stat_force_next_flush()' });
    expect(await ctx.query({ text: deadlocks })).toEqual(before);
    const rows = await Promise.all(many.map((user) => accountRow(wallet(user, CNY).id)));
    expect(rows.reduce((sum, row) => sum + (row?.balance ?? 0), 0)).toBe(4_000);
    for (const user of many) await expectWhole(wallet(user, CNY).id);
  });

  test('one fact brought by many at the floor is booked once, and known to the others', async () => {
    const user = newUser();
    await book(topUp(user, 100));
    const wanted = hold(user, 100);
    const all = await Promise.all(Array.from({ length: 12 }, () => book(wanted)));
    expect(all.every(({ ok }) => ok)).toBe(true);
    expect(all.filter((one) => one.ok && one.value)).toHaveLength(1);
    expect(await book(wanted)).toEqual({ ok: true, value: false });
    expect(await accountRow(wallet(user, CNY).id)).toEqual({ balance: 0, sequence: 2 });
  });
});

describe('the words', () => {
  const of = { payOrderId: 'po_1', reason: 'a test' };
  const money = { ...of, currency: CNY, amount: 700 };
  const order = { ...money, orderId: 'order_1' };
  const orders = [
    { orderId: 'order_1', amount: 900 },
    { orderId: 'order_2', amount: 600 },
  ];
  const asked = { ...of, reference: 'w1', orderId: 'order_1', currency: CNY, amount: 700, subsidy: 200 } as const;
  const pointsOf = { ...of, userId: 7, orderId: 'order_1', points: 120 };

  test.each<[string, Posting, Record<string, number>]>([
    [
      'a capture in cash, balance and subsidy',
      booking.capture({
        ...of,
        reference: 'w',
        channel: 'one',
        currency: CNY,
        cash: 1_000,
        wallet: { userId: 7, amount: 300, held: false },
        subsidy: 200,
        orders,
      }),
      { 'clearing:one:CNY': 1_000, 'wallet:7:CNY': 300, 'subsidy:CNY': 200, 'merchant_payable:CNY': -1_500 },
    ],
    [
      'a deposit, with a balance that was set aside',
      booking.capture({
        ...of,
        reference: 'w',
        channel: 'one',
        currency: CNY,
        cash: 900,
        wallet: { userId: 7, amount: 600, held: true },
        subsidy: 0,
        orders,
        stage: 'deposit',
      }),
      { 'clearing:one:CNY': 900, 'customer_deposits:CNY': -900 },
    ],
    [
      'walletHeld',
      booking.walletHeld({ ...money, reference: 'w', userId: 7 }),
      { 'wallet:7:CNY': 700, 'customer_deposits:CNY': -700 },
    ],
    [
      'walletReleased',
      booking.walletReleased({ ...money, reference: 'w', userId: 7 }),
      { 'customer_deposits:CNY': 700, 'wallet:7:CNY': -700 },
    ],
    [
      'walletToppedUp',
      booking.walletToppedUp({ ...order, reference: 'w', userId: 7 }),
      { 'merchant_payable:CNY': 700, 'wallet:7:CNY': -700 },
    ],
    [
      'lateCapture',
      booking.lateCapture({ ...money, reference: 'w', channel: 'one' }),
      { 'clearing:one:CNY': 700, 'suspense:CNY': -700 },
    ],
    [
      'lateCaptureRevived',
      booking.lateCaptureRevived({ ...money, amount: 1_300, subsidy: 200, reference: 'w', orders }),
      { 'suspense:CNY': 1_300, 'subsidy:CNY': 200, 'merchant_payable:CNY': -1_500 },
    ],
    [
      'depositApplied',
      booking.depositApplied({ ...order, bonus: 300, reference: 'w' }),
      { 'customer_deposits:CNY': 700, 'subsidy:CNY': 300, 'merchant_payable:CNY': -1_000 },
    ],
    [
      'depositForfeited',
      booking.depositForfeited({ ...order, reference: 'w' }),
      { 'customer_deposits:CNY': 700, 'forfeit_revenue:CNY': -700 },
    ],
    [
      'penalty',
      booking.penalty({ ...order, reference: 'w' }),
      { 'merchant_payable:CNY': 700, 'forfeit_revenue:CNY': -700 },
    ],
    [
      'commission',
      booking.commission({ ...order, reference: 'w' }),
      { 'merchant_payable:CNY': 700, 'commission_revenue:CNY': -700 },
    ],
    [
      'commissionReturned',
      booking.commissionReturned({ ...order, reference: 'w' }),
      { 'commission_revenue:CNY': 700, 'merchant_payable:CNY': -700 },
    ],
    [
      'refundAsked of what the merchant earned',
      booking.refundAsked({ ...asked, from: 'merchant' }),
      { 'merchant_payable:CNY': 900, 'refund_payable:CNY': -700, 'subsidy:CNY': -200 },
    ],
    [
      'refundAsked of a late capture',
      booking.refundAsked({ ...asked, subsidy: 0, from: 'suspense' }),
      { 'suspense:CNY': 700, 'refund_payable:CNY': -700 },
    ],
    [
      'refundAsked of a deposit',
      booking.refundAsked({ ...asked, subsidy: 0, from: 'deposit' }),
      { 'customer_deposits:CNY': 700, 'refund_payable:CNY': -700 },
    ],
    [
      'refundWithdrawn',
      booking.refundWithdrawn({ ...asked, from: 'merchant' }),
      { 'merchant_payable:CNY': -900, 'refund_payable:CNY': 700, 'subsidy:CNY': 200 },
    ],
    [
      'refundDone to the channel and to the balance',
      booking.refundDone({
        ...of,
        reference: 'w',
        orderId: null,
        currency: CNY,
        channel: 'one',
        cash: 500,
        wallet: { userId: 7, amount: 200 },
      }),
      { 'refund_payable:CNY': 700, 'clearing:one:CNY': -500, 'wallet:7:CNY': -200 },
    ],
    [
      'settlement',
      booking.settlement({ ...of, reference: 'w', channel: 'one', currency: CNY, net: 994, fee: 6 }),
      { 'bank:CNY': 994, 'channel_fee:CNY': 6, 'clearing:one:CNY': -1_000 },
    ],
    [
      'pointsSpent',
      booking.pointsSpent({ ...pointsOf, reference: 'w' }),
      { 'points:7:PTS': 120, 'points_issued:PTS': -120 },
    ],
    [
      'pointsReturned',
      booking.pointsReturned({ ...pointsOf, reference: 'w' }),
      { 'points_issued:PTS': 120, 'points:7:PTS': -120 },
    ],
    [
      'pointsEarned',
      booking.pointsEarned({ ...pointsOf, reference: 'w' }),
      { 'points_issued:PTS': 120, 'points:7:PTS': -120 },
    ],
    [
      'pointsClawedBack',
      booking.pointsClawedBack({ ...pointsOf, reference: 'w' }),
      { 'points:7:PTS': 120, 'points_issued:PTS': -120 },
    ],
    [
      'pointsExpired',
      booking.pointsExpired({ ...pointsOf, reference: 'w' }),
      { 'points:7:PTS': 120, 'points_issued:PTS': -120 },
    ],
    [
      'correction',
      booking.correction({ ...of, reference: 'w', findingId: 'f_1', sides: topUp(7, 5).sides }),
      { 'merchant_payable:CNY': 5, 'wallet:7:CNY': -5 },
    ],
  ])('%s', (_, { sides }, expected) => {
    const totals = new Map<string, number>();
    for (const { account, amount } of sides) totals.set(account.id, (totals.get(account.id) ?? 0) + amount);
    expect(Object.fromEntries([...totals].filter(([, amount]) => amount !== 0))).toEqual(expected);
    expect([...totals.values()].reduce((a, b) => a + b, 0)).toBe(0);
  });

  test('points move as whole points of a user, and never below 0', async () => {
    const userId = newUser();
    const ours = { ...fact(), orderId: null, userId };
    expect(await book(booking.pointsEarned({ ...ours, points: 10 }))).toEqual({ ok: true, value: true });
    expect(await book(booking.pointsSpent({ ...ours, points: 11 }))).toMatchObject({ code: 'balance_too_low' });
    expect(await book(booking.pointsSpent({ ...ours, points: 10 }))).toEqual({ ok: true, value: true });
    expect(await book(booking.pointsReturned({ ...ours, points: 10 }))).toEqual({ ok: true, value: true });
    expect(await accountRow(points(userId).id)).toEqual({ balance: 10, sequence: 3 });
    await expectWhole(points(userId).id);
  });
});

test('an amount that is no whole number of units is no posting', () => {
  expect(() => topUp(1, 0.5)).toThrow(/broken invariant/);
  expect(() => topUp(1, 2 ** 53)).toThrow(/broken invariant/);
});
