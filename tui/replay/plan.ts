import { type RetailLine, readLines } from './lines.ts';

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

export interface PlannedInvoice {
  readonly invoiceNo: string;
  readonly at: Date;
  readonly customerId: string | null;
  readonly country: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  /** What the shopper pays, in pence. */
  readonly worth: number;
  readonly chargesOnly: boolean;
}

/** What the file holds, by kind: nothing is skipped without being counted. */
export interface Tally {
  lines: number;
  invoices: number;
  purchases: number;
  purchaseWorth: number;
  guests: number;
  freeLines: number;
  chargeLines: number;
  cancellations: number;
  cancellationLines: number;
  cancellationWorth: number;
  withoutPaidLine: number;
  withoutPaidLineLines: number;
  negativeLines: number;
}

export interface Plan {
  readonly tally: Tally;
  readonly skus: ReadonlyMap<string, PlannedSku>;
  readonly invoices: readonly PlannedInvoice[];
}

export function skuKey(stockCode: string, unitPriceMinor: number): string {
  return `${stockCode}@${unitPriceMinor}`;
}

/** Goods have five digits and perhaps letters; everything else (POST, M, DOT, C2, BANK CHARGES, …) is a charge. */
export function isCharge(stockCode: string): boolean {
  return !/^\d{5}[A-Za-z]*$/.test(stockCode);
}

/**
 * Reads the whole file before anything is played, so that a bad line is found while nothing has happened yet. Memory
 * holds the invoices' numbers and pieces, not their text: the format's largest public file (541,909 lines) fits easily.
 */
export async function planReplay(file: string): Promise<Plan> {
  const byInvoice = new Map<string, RetailLine[]>();
  let lines = 0;
  for await (const line of readLines(file)) {
    lines += 1;
    const known = byInvoice.get(line.invoiceNo);
    if (known === undefined) byInvoice.set(line.invoiceNo, [line]);
    else known.push(line);
  }
  const tally: Tally = {
    lines,
    invoices: byInvoice.size,
    purchases: 0,
    purchaseWorth: 0,
    guests: 0,
    freeLines: 0,
    chargeLines: 0,
    cancellations: 0,
    cancellationLines: 0,
    cancellationWorth: 0,
    withoutPaidLine: 0,
    withoutPaidLineLines: 0,
    negativeLines: 0,
  };
  const skus = new Map<string, PlannedSku>();
  const invoices: PlannedInvoice[] = [];
  for (const [invoiceNo, group] of byInvoice) {
    const invoice = judge(invoiceNo, group, tally, skus);
    if (invoice !== null) invoices.push(invoice);
  }
  invoices.sort((a, b) => a.at.getTime() - b.at.getTime());
  return { tally, skus, invoices };
}

function judge(
  invoiceNo: string,
  group: readonly RetailLine[],
  tally: Tally,
  skus: Map<string, PlannedSku>,
): PlannedInvoice | null {
  const [head] = group;
  if (head === undefined) return null;
  if (invoiceNo.startsWith('C')) {
    tally.cancellations += 1;
    tally.cancellationLines += group.length;
    tally.cancellationWorth += group.reduce((sum, line) => sum + line.quantity * line.unitPriceMinor, 0);
    return null;
  }
  tally.negativeLines += group.filter((line) => line.quantity < 0).length;
  const bought = group.filter((line) => line.quantity > 0 && line.unitPriceMinor >= 0);
  if (!bought.some((line) => line.unitPriceMinor > 0)) {
    tally.withoutPaidLine += 1;
    tally.withoutPaidLineLines += group.length;
    return null;
  }
  const worth = bought.reduce((sum, line) => sum + line.quantity * line.unitPriceMinor, 0);
  tally.purchases += 1;
  tally.purchaseWorth += worth;
  tally.freeLines += bought.filter((line) => line.unitPriceMinor === 0).length;
  tally.chargeLines += bought.filter((line) => isCharge(line.stockCode)).length;
  if (head.customerId === null) tally.guests += 1;
  for (const line of bought) need(skus, line);
  return {
    invoiceNo,
    at: head.at,
    customerId: head.customerId,
    country: head.country,
    lines: bought.map((line) => ({ sku: skuKey(line.stockCode, line.unitPriceMinor), quantity: line.quantity })),
    worth,
    chargesOnly: bought.every((line) => isCharge(line.stockCode)),
  };
}

function need(skus: Map<string, PlannedSku>, line: RetailLine): void {
  const key = skuKey(line.stockCode, line.unitPriceMinor);
  const known = skus.get(key);
  if (known !== undefined) {
    known.pieces += line.quantity;
    return;
  }
  skus.set(key, {
    key,
    stockCode: line.stockCode,
    description: line.description === '' ? line.stockCode : line.description,
    unitPrice: line.unitPrice,
    unitPriceMinor: line.unitPriceMinor,
    charge: isCharge(line.stockCode),
    pieces: line.quantity,
  });
}
