import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  CURRENCIES,
  type Currency,
  currencyExponent,
  formatAmount,
  formatMoney,
  isCurrency,
  MAX_AMOUNT,
  money,
  parseDecimal,
} from '../../core/kernel/money.ts';

const currency = fc.constantFrom(...CURRENCIES);
const amount = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.integer({ min: -MAX_AMOUNT, max: MAX_AMOUNT }),
);
const EVERY = { numRuns: 2_000 };

describe('decimal text and minor units', () => {
  test('go there and back, for every amount in every currency', () => {
    fc.assert(
      fc.property(amount, currency, (minor, cur) => {
        expect(parseDecimal(formatAmount(minor, cur), cur)).toEqual({
          ok: true,
          value: { amount: minor, currency: cur },
        });
      }),
      EVERY,
    );
  });

  test('the text has the digits of its currency, no more and no less', () => {
    fc.assert(
      fc.property(amount, currency, (minor, cur) => {
        const exponent = currencyExponent(cur);
        const text = formatAmount(minor, cur);
        expect(text).toMatch(exponent === 0 ? /^-?(0|[1-9]\d*)$/ : new RegExp(`^-?(0|[1-9]\\d*)\\.\\d{${exponent}}$`));
        expect(text.startsWith('-')).toBe(minor < 0);
      }),
      EVERY,
    );
  });

  test('zeros behind the last digit, and before the first, change nothing', () => {
    fc.assert(
      fc.property(
        amount,
        currency,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        (minor, cur, before, behind) => {
          const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(formatAmount(minor, cur)) ?? [];
          const digits = `${fraction}${'0'.repeat(behind)}`;
          const text = `${sign}${'0'.repeat(before)}${whole}${digits === '' ? '' : `.${digits}`}`;
          expect(parseDecimal(text, cur)).toEqual({ ok: true, value: { amount: minor, currency: cur } });
        },
      ),
      EVERY,
    );
  });

  test('a digit more than the currency has is refused, never rounded', () => {
    fc.assert(
      fc.property(amount, currency, fc.integer({ min: 1, max: 9 }), (minor, cur, digit) => {
        const text = formatAmount(minor, cur);
        const longer = currencyExponent(cur) === 0 ? `${text}.${digit}` : `${text}${digit}`;
        expect(parseDecimal(longer, cur)).toMatchObject({ ok: false, code: 'amount_invalid' });
      }),
      EVERY,
    );
  });

  test.each<[string, Currency, number]>([
    ['79.00', 'CNY', 7_900],
    ['79', 'CNY', 7_900],
    ['0.1', 'GBP', 10],
    ['-0.00', 'GBP', 0],
    ['-2.5', 'USD', -250],
    ['1050', 'JPY', 1_050],
    ['1050.00', 'JPY', 1_050],
    ['1.234', 'KWD', 1_234],
    ['0.001', 'KWD', 1],
    ['0.010', 'BHD', 10],
    ['500', 'PTS', 500],
    ['1000000000000.00', 'CNY', MAX_AMOUNT],
  ])('%s %s', (text, cur, minor) => {
    expect(parseDecimal(text, cur)).toEqual({ ok: true, value: { amount: minor, currency: cur } });
  });

  test('no zero is negative: it would be another number to whoever compares', () => {
    const parsed = parseDecimal('-0.00', 'CNY');
    expect(parsed.ok && Object.is(parsed.value.amount, 0)).toBe(true);
  });

  test.each([
    ['', 'CNY'],
    [' 1', 'CNY'],
    ['1 ', 'CNY'],
    ['+1', 'CNY'],
    ['--1', 'CNY'],
    ['1.', 'CNY'],
    ['.5', 'CNY'],
    ['1,000.00', 'CNY'],
    ['1_000', 'CNY'],
    ['1e3', 'CNY'],
    ['0x10', 'CNY'],
    ['NaN', 'CNY'],
    ['Infinity', 'CNY'],
    ['１２', 'CNY'],
    ['1.2.3', 'CNY'],
    ['1\n', 'CNY'],
    ['1.5', 'JPY'],
    ['1.5', 'PTS'],
    ['1.2345', 'KWD'],
    ['1000000000000.01', 'CNY'],
    ['100000000000001', 'JPY'],
    ['9'.repeat(20), 'CNY'],
    ['9'.repeat(400), 'CNY'],
    [`0.${'0'.repeat(21)}`, 'CNY'],
  ] as const)('%j is no amount of %s', (text, cur) => {
    const refused = parseDecimal(text, cur);
    expect(refused).toMatchObject({ ok: false, code: 'amount_invalid' });
    if (!refused.ok) expect(refused.detail.length).toBeLessThan(200);
  });

  test('text of every kind is answered and never thrown at', () => {
    fc.assert(
      fc.property(fc.string(), currency, (text, cur) => {
        const parsed = parseDecimal(text, cur);
        if (parsed.ok) expect(Number.isSafeInteger(parsed.value.amount)).toBe(true);
      }),
      EVERY,
    );
  });

  test('sums beyond 2^53 are formatted digit by digit', () => {
    expect(formatAmount(123_456_789_012_345_678_901n, 'CNY')).toBe('1234567890123456789.01');
    expect(formatAmount(-1n, 'KWD')).toBe('-0.001');
    expect(formatAmount(0n, 'JPY')).toBe('0');
    expect(formatMoney({ amount: -5, currency: 'GBP' })).toBe('-0.05 GBP');
  });
});

describe('an amount', () => {
  test('is a whole number of minor units within its bounds; anything else is a bug', () => {
    expect(money(MAX_AMOUNT, 'CNY')).toEqual({ amount: MAX_AMOUNT, currency: 'CNY' });
    for (const bad of [0.1, Number.NaN, Number.POSITIVE_INFINITY, MAX_AMOUNT + 1, -MAX_AMOUNT - 1, 2 ** 53])
      expect(() => money(bad, 'CNY'), String(bad)).toThrow(/is not an amount of minor units/);
  });

  test('has a currency that is known, by its own name', () => {
    for (const cur of CURRENCIES) expect(isCurrency(cur)).toBe(true);
    for (const bad of ['', 'cny', 'XXX', 'toString', '__proto__', 'constructor']) expect(isCurrency(bad)).toBe(false);
  });
});

describe('an amount that is split', () => {
  const weights = fc.array(fc.nat({ max: MAX_AMOUNT }), { minLength: 1, maxLength: 40 });

  test('adds up exactly, and no part is a unit off its share', () => {
    fc.assert(
      fc.property(amount, weights, (total, shares) => {
        const parts = allocate(total, shares);
        expect(parts).toHaveLength(shares.length);
        expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(total));
        const whole = shares.reduce((sum, share) => sum + BigInt(share), 0n);
        if (whole === 0n) return;
        for (const [i, part] of parts.entries()) {
          // |part · whole − total · share| < whole: closer than one unit.
          const off = BigInt(part) * whole - BigInt(total) * BigInt(shares[i] ?? 0);
          expect(off < whole && off > -whole).toBe(true);
          expect(Object.is(part, -0)).toBe(false);
          expect(Math.sign(part) * Math.sign(total)).toBeGreaterThanOrEqual(0);
        }
      }),
      EVERY,
    );
  });

  test('gives nothing to a weight of 0, and never less to a greater weight', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000 }), weights, (total, shares) => {
        fc.pre(shares.some((share) => share > 0));
        const parts = allocate(total, shares);
        for (const [i, share] of shares.entries()) {
          if (share === 0) expect(parts[i]).toBe(0);
          for (const [j, other] of shares.entries())
            if (share > other) expect(parts[i]).toBeGreaterThanOrEqual(parts[j] ?? 0);
        }
      }),
    );
  });

  test('what is taken back is what was given: the parts of −n are those of n, negative', () => {
    fc.assert(
      fc.property(fc.nat({ max: MAX_AMOUNT }), weights, (total, shares) => {
        expect(allocate(-total, shares)).toEqual(allocate(total, shares).map((part) => (part === 0 ? 0 : -part)));
      }),
    );
  });

  test.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [-100, [1, 1, 1], [-34, -33, -33]],
    [1, [1, 1], [1, 0]],
    [0, [5, 7], [0, 0]],
    [10, [0, 0], [10, 0]],
    [7, [MAX_AMOUNT, MAX_AMOUNT], [4, 3]],
    [0, [], []],
  ])('%i over %j', (total, shares, parts) => {
    expect(allocate(total, shares)).toEqual(parts);
  });

  test('over nothing is a bug', () => {
    expect(() => allocate(1, [])).toThrow(/split over nothing/);
  });
});
