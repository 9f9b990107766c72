import type { RetailLine } from './lines.ts';
import type { PlannedInvoice } from './planned.ts';
import type { Tally } from './tally.ts';

const SEVERAL = Symbol('several prices');

interface CancelledLine {
  readonly bought: string;
  readonly atMs: number;
}

/** Counts what makes real data untidy, line by line and then over the invoices that are played. */
export class Untidiness {
  readonly #prices = new Map<string, string | typeof SEVERAL>();
  readonly #charges = new Set<string>();
  readonly #withoutCustomer = new Set<string>();
  readonly #invoiceLines = new Map<string, number>();
  /** Customer and code → when they bought it first. */
  readonly #boughtMs = new Map<string, number>();
  readonly #cancelled: CancelledLine[] = [];
  #linesWithoutCustomer = 0;
  #linesWithoutDescription = 0;
  #freeLines = 0;
  #negativeLines = 0;

  see(line: RetailLine, charge: boolean): void {
    const { invoiceNo, stockCode } = line;
    const cancels = invoiceNo.startsWith('C');
    const price = this.#prices.get(stockCode);
    if (price === undefined) this.#prices.set(stockCode, line.unitPrice);
    else if (price !== SEVERAL && Number(price) !== Number(line.unitPrice)) this.#prices.set(stockCode, SEVERAL);
    if (charge) this.#charges.add(stockCode);
    this.#invoiceLines.set(invoiceNo, (this.#invoiceLines.get(invoiceNo) ?? 0) + 1);
    if (line.description === '') this.#linesWithoutDescription += 1;
    if (line.unitPriceMinor === 0) this.#freeLines += 1;
    if (line.quantity < 0 && !cancels) this.#negativeLines += 1;
    if (line.customerId === null) {
      this.#linesWithoutCustomer += 1;
      this.#withoutCustomer.add(invoiceNo);
    } else {
      this.#remember(line, `${line.customerId} ${stockCode}`, cancels);
    }
  }

  #remember({ at, quantity }: RetailLine, bought: string, cancels: boolean): void {
    const atMs = at.getTime();
    if (cancels) this.#cancelled.push({ bought, atMs });
    else if (quantity > 0) this.#boughtMs.set(bought, Math.min(atMs, this.#boughtMs.get(bought) ?? atMs));
  }

  judge(purchases: readonly PlannedInvoice[]): { untidy: Tally['untidy']; cancelledLinesMatched: number } {
    const repeated = purchases.flatMap(repeatedCodes);
    return {
      // A cancellation before the purchase belongs to an earlier one that the file does not hold.
      cancelledLinesMatched: this.#cancelled.filter(
        ({ bought, atMs }) => (this.#boughtMs.get(bought) ?? atMs + 1) <= atMs,
      ).length,
      untidy: {
        negativeLinesOutsideCancellations: this.#negativeLines,
        freeLines: this.#freeLines,
        linesWithoutDescription: this.#linesWithoutDescription,
        linesWithoutCustomer: this.#linesWithoutCustomer,
        invoicesWithoutCustomer: this.#withoutCustomer.size,
        codesThatAreNoGoods: [...this.#charges].sort(),
        repeatedInInvoice: repeated.length,
        atTwoPricesInInvoice: repeated.filter(({ prices }) => prices.size > 1).length,
        codesWithSeveralPrices: [...this.#prices.values()].filter((price) => price === SEVERAL).length,
        longestInvoiceLines: [...this.#invoiceLines.values()].reduce((most, lines) => Math.max(most, lines), 0),
      },
    };
  }
}

interface Repeated {
  lines: number;
  readonly prices: Set<number>;
}

/** The codes that stand in more than one line of an invoice. */
function repeatedCodes({ lines }: PlannedInvoice): Repeated[] {
  const byCode = new Map<string, Repeated>();
  for (const { sku } of lines) {
    const seen = byCode.get(sku.stockCode) ?? { lines: 0, prices: new Set() };
    byCode.set(sku.stockCode, seen);
    seen.lines += 1;
    seen.prices.add(sku.unitPriceMinor);
  }
  return [...byCode.values()].filter(({ lines: count }) => count > 1);
}
