import { expect, it } from 'vitest';
import type { CheckStatus } from '../../control/api/contract.ts';
import { CURRENCIES, formatAmount } from '../../core/kernel/money.ts';
import {
  age,
  checkText,
  columnsOf,
  figure,
  limit,
  money,
  moneyList,
  moneyWithin,
  stateLabel,
} from '../../tui/words.ts';

const GREEN: CheckStatus = {
  id: 'trial-balance',
  title: 'Debits equal credits',
  titleZh: '试算平衡',
  covers: 'All entries.',
  verdict: 'holds',
  reason: null,
  count: 0,
  amounts: [],
  coverage: { mode: 'full', rows: 0, upTo: null, lagSeconds: 0, backlog: 0, fullAt: null, fullFailure: null },
  finishedAt: null,
  ageSeconds: 1,
};

it('writes money of every currency as the core does, with the thousands apart', () => {
  for (const currency of CURRENCIES) {
    for (const amount of [0, 5, 99, 100, 123_456_789, -1, -100_000]) {
      expect(money({ amount, currency }).replaceAll(',', '')).toBe(`${formatAmount(amount, currency)} ${currency}`);
    }
  }
  expect(money({ amount: 1_234_567_890, currency: 'CNY' })).toBe('12,345,678.90 CNY');
  expect(moneyList([])).toBe('0.00');
});

it('shows amounts whole or not at all', () => {
  const amounts = ['CNY', 'GBP', 'JPY', 'USD'].map((currency) => ({ amount: 1_234_500, currency }));
  expect(moneyWithin(amounts, 100)).toBe('12,345.00 CNY + 12,345.00 GBP + 1,234,500 JPY + 12,345.00 USD');
  expect(moneyWithin(amounts, 45)).toBe('12,345.00 CNY + 12,345.00 GBP + 2 more');
  expect(moneyWithin(amounts, 5)).toBe('12,345.00 CNY');
  expect(moneyWithin(amounts, 25)).toBe('12,345.00 CNY + 3 more');
  expect(moneyWithin(amounts.slice(0, 1), 5)).toBe('12,345.00 CNY');
  expect(moneyWithin([], 5)).toBe('0.00');
});

it('says counts in five columns, exactly as long as they fit', () => {
  const said = [0, 7, 99_999, 100_000, 999_999, 1_000_000, 1_299_999, 99_999_999, 100_000_000, 5_400_000_000].map(
    figure,
  );
  expect(said).toEqual(['0', '7', '99999', '100k', '999k', '1.0M', '1.2M', '99.9M', '100M', '5G']);
  expect(Math.max(...said.map((text) => text.length))).toBe(5);
});

it('says ages as people do, and rounds down', () => {
  expect([null, -0.4, 0, 59.9, 60, 3_599, 3_600, 86_399, 86_400, 1e7].map(age)).toEqual([
    '–',
    '0s',
    '0s',
    '59s',
    '1m00s',
    '59m59s',
    '1h00m',
    '23h59m',
    '1d',
    '115d',
  ]);
  expect([6, 60, 1_200, 7_200, 90, 604_800].map(limit)).toEqual(['6s', '1m', '20m', '2h', '1m30s', '7d']);
});

it('keeps the code of a state that has one, and the machine of one that has none', () => {
  expect(stateLabel({ state: 'P2', name: 'PAYMENT_MARKETING_INIT' })).toBe('P2  marketing init');
  expect(stateLabel({ state: 'R12', name: 'REFUND_MARKETING_PENDING' })).toBe('R12 marketing pending');
  expect(stateLabel({ state: 'LATE', name: 'CAPTURE_LATE' })).toBe('capture late');
});

it('counts the columns of Chinese', () => {
  expect(columnsOf('abc')).toBe(3);
  expect(columnsOf('卡单（P5）')).toBe(10);
});

it('says of a green check what was new and when all was looked at, never bare 0 rows', () => {
  const said = (mode: 'full' | 'incremental', rows: number, fullAt: string | null): string =>
    checkText({ ...GREEN, coverage: { ...GREEN.coverage, mode, rows, fullAt } }, { at: '2026-11-11T23:25:01.000Z' });
  expect(said('incremental', 0, '2026-11-11T23:24:59.000Z')).toBe('0 new, all at 23:24');
  expect(said('incremental', 7, '2026-11-10T03:00:00.000Z')).toBe('7 new, all at 2026-11-10 03:00');
  expect(said('incremental', 7, null)).toBe('7 new, never all');
  expect(said('full', 120, '2026-11-11T23:24:59.000Z')).toBe('all 120 rows');
});
