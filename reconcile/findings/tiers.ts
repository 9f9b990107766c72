import { currencyExponent, isCurrency } from '../../core/kernel/money.ts';

/** How bad it is: S0 rings the phone, S3 is in the daily report. */
export const TIERS = ['S0', 'S1', 'S2', 'S3'] as const;
export type Tier = (typeof TIERS)[number];

/** The live findings of one check together: they are one incident. Amounts in minor units by currency. */
export interface Size {
  readonly rows: number;
  readonly amounts: ReadonlyMap<string, number>;
}

export type SeverityRule = (size: Size) => Tier;

/** The defaults: money in whole units of its currency, or rows, whichever is worse. Amounts of several currencies add up. */
export const bySize: SeverityRule = ({ rows, amounts }) => {
  let units = 0;
  for (const [currency, amount] of amounts) {
    units += amount / 10 ** (isCurrency(currency) ? currencyExponent(currency) : 2);
  }
  if (units >= 100_000 || rows >= 100) return 'S0';
  if (units >= 10_000 || rows >= 10) return 'S1';
  if (units >= 1_000 || rows > 1) return 'S2';
  return 'S3';
};

/** For rows that are late and not lost: their number counts, their money is not gone. */
export const byRows: SeverityRule = ({ rows }) => {
  if (rows >= 1000) return 'S0';
  if (rows >= 100) return 'S1';
  return rows >= 10 ? 'S2' : 'S3';
};

/** For what must never happen once: one row says that nothing else can be trusted. */
export const anyIsWorst: SeverityRule = () => 'S0';
