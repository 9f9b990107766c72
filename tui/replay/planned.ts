/** A SKU that the replay needs: a stock code at one price. The file has the same code at many prices. */
export interface PlannedSku {
  readonly key: string;
  readonly stockCode: string;
  readonly description: string;
  readonly unitPrice: string;
  readonly unitPriceMinor: number;
  /** Codes that are no goods (postage, manual, discounts): charges without stock. */
  readonly charge: boolean;
  pieces: number;
}

/** An invoice that is played as one order. */
export interface PlannedInvoice {
  readonly invoiceNo: string;
  readonly at: Date;
  /** NULL: a guest. */
  readonly customerId: string | null;
  readonly country: string;
  readonly lines: readonly { readonly sku: PlannedSku; readonly quantity: number }[];
  /** What the shopper pays, in pence. */
  readonly worth: number;
  readonly chargesOnly: boolean;
}
