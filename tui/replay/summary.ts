import { money } from '../words.ts';
import type { Books, Verdict } from './closing.ts';
import type { Performance } from './player.ts';
import type { Tally } from './tally.ts';

/** What is told at the end of a replay. */
export interface Closing {
  readonly tally: Tally;
  readonly performance: Performance;
  readonly books: Books;
  readonly verdict: Verdict;
}

const SHOWN = 10;

/** Money in = money accounted = the channel's truth = what the file says, all of it fulfilled, and every check holds. */
export function agrees({ tally, performance, books, verdict }: Closing): boolean {
  const { worth, invoices } = tally.purchases;
  return (
    performance.played.length === invoices &&
    books.fulfilled === invoices &&
    [books.moneyIn, books.accounted, books.channel].every((amount) => amount === worth) &&
    verdict.verdict === 'holds' &&
    verdict.openFindings === 0
  );
}

/** The same for programs. Amounts are pence. */
export function summaryJson(closing: Closing): string {
  const { tally, performance, books, verdict } = closing;
  const played = { paid: performance.played.length, refused: performance.refused };
  return JSON.stringify({ tally, played, books, verdict, agrees: agrees(closing) }, null, 2);
}

export function summary(closing: Closing): string {
  const { performance, books, verdict } = closing;
  const { played, refused } = performance;
  const findings = verdict.openFindings === null ? 'not known' : String(verdict.openFindings);
  return [
    ...describe(closing.tally),
    `Played: ${count(played.length)} paid, ${count(books.fulfilled)} fulfilled, ${count(refused.length)} refused`,
    ...some(refused, ({ invoiceNo, reason }) => `  invoice ${invoiceNo}: ${reason}`),
    `  money in          ${pounds(books.moneyIn).padStart(18)}`,
    `  money accounted   ${pounds(books.accounted).padStart(18)}`,
    `  channel's truth   ${pounds(books.channel).padStart(18)}`,
    ...some(
      books.apart,
      (e) =>
        `  invoice ${e.invoiceNo} at ${e.state}, worth ${pounds(e.worth)}: in ${pounds(e.moneyIn)}, accounted ${pounds(e.accounted)}, channel ${pounds(e.channel)}`,
    ),
    `  checks            ${verdict.reason}`,
    ...(verdict.notSince.length === 0
      ? []
      : [`                    not run since the replay ended: ${verdict.notSince.join(', ')}`]),
    `  open findings     ${findings}`,
    agrees(closing) ? '✔ the books agree to the penny' : `✘ ${complaint(closing)}`,
  ].join('\n');
}

/** What the file holds, in the order of its README; lines of at most 80 characters. */
export function describe(tally: Tally): string[] {
  const { purchases, leftOut, cancellations, withoutPaidLine, untidy } = tally;
  const day = (at: Date): string => at.toISOString().slice(0, 10);
  const left = leftOut.negativeQuantity + leftOut.negativePrice + leftOut.belowPenny;
  return [
    `${count(tally.lines)} lines in ${count(tally.invoices)} invoices, ${day(tally.from)} to ${day(tally.to)}`,
    `  ${count(purchases.invoices)} purchases worth ${pounds(purchases.worth)}, played; ${count(purchases.guests)} by guests`,
    `      ${count(purchases.lines)} lines, ${count(purchases.freeLines)} of them free, ${count(purchases.chargeLines)} charges`,
    ...(left === 0
      ? []
      : [
          `      ${count(left)} more lines not played: ${count(leftOut.negativeQuantity)} negative, ${count(leftOut.negativePrice)} below 0.00, ${count(leftOut.belowPenny)} in part pennies`,
        ]),
    `  ${count(cancellations.invoices)} cancellations, not played`,
    `      ${count(cancellations.lines)} lines worth ${pounds(cancellations.worth)}; ${count(cancellations.matched)} match an earlier purchase, ${count(cancellations.lines - cancellations.matched)} do not`,
    `  ${count(withoutPaidLine.invoices)} without a paid line (gifts, stock adjustments), not played`,
    `      ${count(withoutPaidLine.lines)} lines`,
    'Untidy, as real data are',
    `  ${count(untidy.negativeLinesOutsideCancellations)} negative lines outside cancellations`,
    `  ${count(untidy.freeLines)} lines at price 0, ${count(untidy.linesWithoutDescription)} without description`,
    `  ${count(untidy.linesWithoutCustomer)} lines without customer, in ${count(untidy.invoicesWithoutCustomer)} invoices`,
    `  codes that are no goods: ${untidy.codesThatAreNoGoods.join(', ') || 'none'}`,
    `  the same code again within an invoice: ${count(untidy.repeatedInInvoice)}, at two prices: ${count(untidy.atTwoPricesInInvoice)}`,
    `  codes with several prices: ${count(untidy.codesWithSeveralPrices)}`,
    `  longest invoice: ${count(untidy.longestInvoiceLines)} lines`,
  ];
}

function complaint({ tally, performance, books, verdict }: Closing): string {
  const { worth, invoices } = tally.purchases;
  const missing = invoices - performance.played.length;
  if (missing > 0) return `${count(missing)} invoices were refused, see above; mend the cause and run it again`;
  const off = [books.moneyIn, books.accounted, books.channel].some((amount) => amount !== worth);
  if (off) return `the books do not agree with the file, which says ${pounds(worth)}; see the invoices above`;
  const unfulfilled = invoices - books.fulfilled;
  if (unfulfilled > 0)
    return `${count(unfulfilled)} orders are paid and not fulfilled yet; do the reconcilers run? Run it again to look again`;
  if (verdict.verdict === 'unknown') return 'the books agree, but what the checks say is not known';
  return 'the books of this replay agree, but a check or a finding of this system speaks of a loss';
}

function some<T>(items: readonly T[], line: (item: T) => string): string[] {
  const rest = items.length - SHOWN;
  return [...items.slice(0, SHOWN).map(line), ...(rest > 0 ? [`  and ${count(rest)} more`] : [])];
}

function pounds(minor: number): string {
  return money({ amount: minor, currency: 'GBP' });
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}
