import type { CheckStatus, MoneyAmount, Overview, Propagation } from '../control/api/contract.ts';

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

/** As many amounts as fit whole, and how many more there are: half an amount would be another one. */
export function moneyWithin(amounts: readonly MoneyAmount[], columns: number): string {
  for (let shown = amounts.length; shown > 1; shown -= 1) {
    const more = amounts.length - shown;
    const text = `${moneyList(amounts.slice(0, shown))}${more === 0 ? '' : ` + ${more} more`}`;
    if (text.length <= columns) return text;
  }
  const first = moneyList(amounts.slice(0, 1));
  const more = amounts.length > 1 ? ` + ${amounts.length - 1} more` : '';
  return (first + more).length <= columns ? first + more : first;
}

/** A count in at most five columns: exact as long as it fits, else `123k` or `1.2M`, never cut. */
export function figure(n: number): string {
  if (n < 100_000) return String(n);
  if (n < 1_000_000) return `${Math.floor(n / 1_000)}k`;
  return n < 1e9 ? `${(Math.floor(n / 100_000) / 10).toFixed(n < 1e8 ? 1 : 0)}M` : `${Math.floor(n / 1e9)}G`;
}

/** An age in at most six columns: `9s`, `2m05s`, `3h07m`, `12d`. */
export function age(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, '0')}s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3_600)}h${String(Math.floor((seconds % 3_600) / 60)).padStart(2, '0')}m`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** How old `at` was when control read this overview: server's time against server's time, whatever our own clock says. */
export function ageAt(at: string | null, data: Pick<Overview, 'at'>): string {
  return at === null ? '–' : age((Date.parse(data.at) - Date.parse(at)) / 1000);
}

/** A limit, which people set in round numbers: 1m, 20m, 7d. */
export function limit(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : age(seconds);
}

/** `PAYMENT_MARKETING_INIT` at P2 → `P2 marketing init`; states without a code keep their machine: `capture late`. */
export function stateLabel({ state, name }: { readonly state: string; readonly name: string }): string {
  const words = name.toLowerCase().replaceAll('_', ' ');
  if (!/^[A-Z]\d+$/.test(state)) return words;
  return `${state.padEnd(3)} ${words.replace(/^\S+ /, '')}`;
}

export type Tone = 'good' | 'bad' | 'unsure' | 'plain';

export interface Sign {
  readonly symbol: '✔' | '✘' | '?' | '!';
  readonly tone: Tone;
}

/** What stands before a row: a doubt is never green, and what was good in old data is a doubt. */
export function sign(good: boolean, stale: boolean): Sign {
  if (!good) return { symbol: '✘', tone: 'bad' };
  return stale ? { symbol: '?', tone: 'unsure' } : { symbol: '✔', tone: 'good' };
}

/** A verdict as a symbol and a word: colour only repeats what they say. */
export function verdictWord(verdict: Overview['verdict']): Sign & { readonly word: string } {
  switch (verdict) {
    case 'holds':
      return { symbol: '✔', word: 'HOLDS 正常', tone: 'good' };
    case 'violated':
      return { symbol: '✘', word: 'VIOLATED 资损', tone: 'bad' };
    case 'unknown':
      return { symbol: '?', word: 'UNKNOWN 未知', tone: 'unsure' };
  }
}

/** The money at risk, as far as it is known: with a check in doubt, what was found is only the least it can be. */
export function atRisk(data: Overview, columns = Number.POSITIVE_INFINITY): string {
  const sure = data.checks.length > 0 && data.checks.every(({ verdict }) => verdict !== 'unknown');
  if (!sure && data.moneyAtRisk.length === 0) return 'at risk unknown (none found yet)';
  const words = sure ? 'at risk ' : 'at risk ≥ ';
  return words + moneyWithin(data.moneyAtRisk, columns - words.length);
}

export function checkSign(check: CheckStatus, stale: boolean): Sign {
  return check.verdict === 'unknown' ? { symbol: '?', tone: 'unsure' } : sign(check.verdict === 'holds', stale);
}

/** The minute of a moment in UTC, and its day where it is not the day of this overview. */
export function minuteAt(at: string, data: Pick<Overview, 'at'>): string {
  const minute = at.slice(11, 16);
  const day = at.slice(0, 10);
  return day === data.at.slice(0, 10) ? minute : `${day} ${minute}`;
}

/**
 * What stands behind the verdict: what a green one covered, what a red one found, what a doubt is about. A run that
 * looks at what is new has nothing to look at in a quiet minute; what it stands on is the last look at everything.
 */
export function checkText(check: CheckStatus, data: Pick<Overview, 'at'>): string {
  const { mode, rows, fullAt } = check.coverage;
  switch (check.verdict) {
    case 'holds':
      if (mode === 'full') return `all ${rows} rows`;
      return `${rows} new, ${fullAt === null ? 'never all' : `all at ${minuteAt(fullAt, data)}`}`;
    case 'violated':
      return `${check.count} rows, ${moneyList(check.amounts)}`;
    case 'unknown':
      return check.reason ?? 'no verdict';
  }
}

const NAMED = 3;

/** Who does not enforce the revision, by name and with the reason; the first of many, and how many more. */
export function stragglersOf({ stragglers }: Propagation): string {
  const named = stragglers.slice(0, NAMED).map(({ instance, reason }) => `${instance} (${reason})`);
  const more = stragglers.length > NAMED ? ` and ${stragglers.length - NAMED} more` : '';
  return named.join(', ') + more;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/gu;

/** How many columns of a terminal a text takes: Chinese takes two each. */
export function columnsOf(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0);
}

/** How a switch stands. Away from `on` is written so that it is seen without colour. */
export function sideOf(on: boolean): string {
  return on ? 'on' : 'OFF';
}
