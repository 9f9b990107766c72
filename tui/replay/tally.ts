/**
 * What a file holds, by kind. Every line is counted exactly once among `played.lines`, `leftOut`, `cancellations.lines`
 * and `withoutPaidLine.lines`; the rest tells how untidy the data are. Amounts are pence.
 */
export interface Tally {
  readonly lines: number;
  readonly invoices: number;
  readonly from: Date;
  readonly to: Date;
  /** Invoices that become orders: at least one line of positive quantity and price. */
  readonly purchases: {
    readonly invoices: number;
    readonly worth: number;
    readonly guests: number;
    readonly lines: number;
    readonly freeLines: number;
    readonly chargeLines: number;
  };
  /** Lines of purchases that no order can hold. */
  readonly leftOut: { readonly negativeQuantity: number; readonly negativePrice: number; readonly belowPenny: number };
  readonly cancellations: {
    readonly invoices: number;
    readonly lines: number;
    readonly worth: number;
    /** Lines whose customer bought the same code before, in this file; the others refer to days before it. */
    readonly matched: number;
  };
  /** Invoices with only free or negative lines: gifts, samples, stock adjustments. */
  readonly withoutPaidLine: { readonly invoices: number; readonly lines: number };
  readonly untidy: {
    readonly negativeLinesOutsideCancellations: number;
    readonly freeLines: number;
    readonly linesWithoutDescription: number;
    readonly linesWithoutCustomer: number;
    readonly invoicesWithoutCustomer: number;
    readonly codesThatAreNoGoods: readonly string[];
    /** A code that stands in more than one line of a purchase; each pair of invoice and code once. */
    readonly repeatedInInvoice: number;
    readonly atTwoPricesInInvoice: number;
    readonly codesWithSeveralPrices: number;
    readonly longestInvoiceLines: number;
  };
}
