import { createHash } from 'node:crypto';
import { type RetailLine, readLines } from './lines.ts';
import type { PlannedInvoice, PlannedSku } from './planned.ts';
import type { Tally } from './tally.ts';
import { Untidiness } from './untidiness.ts';

export interface Plan {
  readonly tally: Tally;
  readonly skus: readonly PlannedSku[];
  /** In the order of their time. */
  readonly invoices: readonly PlannedInvoice[];
  /** Names the file's content: the same content played again finds what it made before. */
  readonly digest: string;
}

/** Goods have five digits and perhaps letters; everything else (POST, M, DOT, C2, BANK CHARGES, …) is a charge. */
export function isCharge(stockCode: string): boolean {
  return !/^\d{5}[A-Za-z]*$/.test(stockCode);
}

/**
 * Reads the whole file before anything is played, so that a bad line is found while nothing has happened yet. Memory holds
 * a SKU and a quantity per line and no text but each SKU's own.
 */
export async function planReplay(file: string, signal: AbortSignal): Promise<Plan> {
  const hash = createHash('sha256');
  const planner = new Planner();
  for await (const line of readLines(file, { signal, onBytes: (bytes) => hash.update(bytes) })) planner.add(line);
  return planner.finish(hash.digest('hex').slice(0, 12));
}

/** An invoice whose lines are still being read. */
interface Draft {
  readonly head: RetailLine;
  readonly lines: { readonly sku: PlannedSku; readonly quantity: number }[];
  count: number;
  readonly leftOut: { negativeQuantity: number; negativePrice: number; belowPenny: number };
}

class Planner {
  readonly #untidiness = new Untidiness();
  readonly #drafts = new Map<string, Draft>();
  readonly #skus = new Map<string, PlannedSku>();
  readonly #cancelled = new Set<string>();
  #lines = 0;
  #cancelledLines = 0;
  #cancelledWorth = 0;
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.NEGATIVE_INFINITY;

  add(line: RetailLine): void {
    this.#lines += 1;
    this.#fromMs = Math.min(this.#fromMs, line.at.getTime());
    this.#toMs = Math.max(this.#toMs, line.at.getTime());
    this.#untidiness.see(line, isCharge(line.stockCode));
    if (line.invoiceNo.startsWith('C')) this.#addCancelled(line);
    else this.#addBought(line);
  }

  #addCancelled(line: RetailLine): void {
    this.#cancelled.add(line.invoiceNo);
    this.#cancelledLines += 1;
    this.#cancelledWorth += line.quantity * (line.unitPriceMinor ?? 0);
  }

  #addBought(line: RetailLine): void {
    const draft = this.#drafts.get(line.invoiceNo) ?? {
      head: line,
      lines: [],
      count: 0,
      leftOut: { negativeQuantity: 0, negativePrice: 0, belowPenny: 0 },
    };
    this.#drafts.set(line.invoiceNo, draft);
    draft.count += 1;
    if (line.quantity < 0) draft.leftOut.negativeQuantity += 1;
    else if (line.unitPriceMinor === null) draft.leftOut.belowPenny += 1;
    else if (line.unitPriceMinor < 0) draft.leftOut.negativePrice += 1;
    else draft.lines.push({ sku: this.#skuOf(line, line.unitPriceMinor), quantity: line.quantity });
  }

  /** The SKU of a line; what is bought of it is added up when it is clear that the invoice is played. */
  #skuOf({ stockCode, description, unitPrice }: RetailLine, unitPriceMinor: number): PlannedSku {
    const key = `${stockCode}@${unitPriceMinor}`;
    const known = this.#skus.get(key);
    if (known !== undefined) return known;
    const charge = isCharge(stockCode);
    const named = description === '' ? stockCode : description;
    const sku = { key, stockCode, description: named, unitPrice, unitPriceMinor, charge, pieces: 0 };
    this.#skus.set(key, sku);
    return sku;
  }

  finish(digest: string): Plan {
    const purchases = { invoices: 0, worth: 0, guests: 0, lines: 0, freeLines: 0, chargeLines: 0 };
    const leftOut = { negativeQuantity: 0, negativePrice: 0, belowPenny: 0 };
    const withoutPaidLine = { invoices: 0, lines: 0 };
    const invoices: PlannedInvoice[] = [];
    for (const draft of this.#drafts.values()) {
      const invoice = toInvoice(draft);
      if (invoice === null) {
        withoutPaidLine.invoices += 1;
        withoutPaidLine.lines += draft.count;
        continue;
      }
      invoices.push(invoice);
      purchases.invoices += 1;
      purchases.worth += invoice.worth;
      if (invoice.customerId === null) purchases.guests += 1;
      purchases.lines += invoice.lines.length;
      purchases.freeLines += invoice.lines.filter(({ sku }) => sku.unitPriceMinor === 0).length;
      purchases.chargeLines += invoice.lines.filter(({ sku }) => sku.charge).length;
      for (const kind of ['negativeQuantity', 'negativePrice', 'belowPenny'] as const)
        leftOut[kind] += draft.leftOut[kind];
      for (const { sku, quantity } of invoice.lines) sku.pieces += quantity;
    }
    invoices.sort((a, b) => a.at.getTime() - b.at.getTime());
    const found = this.#untidiness.judge(invoices);
    const cancellations = {
      invoices: this.#cancelled.size,
      lines: this.#cancelledLines,
      worth: this.#cancelledWorth,
      matched: found.cancelledLinesMatched,
    };
    const tally: Tally = {
      lines: this.#lines,
      invoices: this.#drafts.size + this.#cancelled.size,
      from: new Date(this.#fromMs),
      to: new Date(this.#toMs),
      purchases,
      leftOut,
      cancellations,
      withoutPaidLine,
      untidy: found.untidy,
    };
    return { tally, skus: [...this.#skus.values()].filter(({ pieces }) => pieces > 0), invoices, digest };
  }
}

/** NULL: nothing in it is paid for. */
function toInvoice({ head, lines }: Draft): PlannedInvoice | null {
  if (!lines.some(({ sku }) => sku.unitPriceMinor > 0)) return null;
  return {
    invoiceNo: head.invoiceNo,
    at: head.at,
    customerId: head.customerId,
    country: head.country,
    lines,
    worth: lines.reduce((sum, { sku, quantity }) => sum + sku.unitPriceMinor * quantity, 0),
    chargesOnly: lines.every(({ sku }) => sku.charge),
  };
}
