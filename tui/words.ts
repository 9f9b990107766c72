import type { CheckStatus, MoneyAmount, Overview } from '../control/api/contract.ts';

/** How numbers and states are said, on the screen and in plain text alike. */
const EXPONENT: Readonly<Record<string, number>> = {
  JPY: 0,
  KRW: 0,
  PTS: 0,
  VND: 0,
  CLP: 0,
  BHD: 3,
  JOD: 3,
  KWD: 3,
  OMR: 3,
  TND: 3,
};

export function money({ amount, currency }: MoneyAmount): string {
  const exponent = EXPONENT[currency] ?? 2;
  const digits = Math.abs(amount)
    .toString()
    .padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  return `${amount < 0 ? '-' : ''}${whole}${fraction} ${currency}`;
}

export function moneyList(amounts: readonly MoneyAmount[]): string {
  return amounts.length === 0 ? '0.00' : amounts.map(money).join(' + ');
}

export function age(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, '0')}s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3_600)}h${String(Math.floor((seconds % 3_600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A limit, which people set in round numbers: 1m, 20m, 7d. */
export function limit(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : age(seconds);
}

export type Tone = 'good' | 'bad' | 'unsure' | 'plain';

/** A verdict as a symbol and a word: colour only repeats what they say. */
export function verdictWord(verdict: Overview['verdict']): { symbol: string; word: string; tone: Tone } {
  switch (verdict) {
    case 'holds':
      return { symbol: '✔', word: 'HOLDS 正常', tone: 'good' };
    case 'violated':
      return { symbol: '✘', word: 'VIOLATED 资损', tone: 'bad' };
    case 'unknown':
      return { symbol: '?', word: 'UNKNOWN 未知', tone: 'unsure' };
  }
}

export function checkWord(check: CheckStatus): { symbol: string; text: string; tone: Tone } {
  switch (check.verdict) {
    case 'holds':
      return { symbol: '✔', text: `${check.coverage.rows} rows`, tone: 'good' };
    case 'violated':
      return { symbol: '✘', text: `${check.count} rows, ${moneyList(check.amounts)}`, tone: 'bad' };
    case 'unknown':
      return { symbol: '?', text: check.reason ?? 'no verdict', tone: 'unsure' };
  }
}
