import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';

/** One line of the public Online Retail format. Prices are minor units of the file's currency (GBP). */
export interface RetailLine {
  readonly lineNo: number;
  readonly invoiceNo: string;
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  /** Decimal text, as it stands: it is the shop's price, and the server parses it exactly. */
  readonly unitPrice: string;
  readonly unitPriceMinor: number;
  readonly at: Date;
  readonly customerId: string | null;
  readonly country: string;
}

const COLUMNS = [
  'InvoiceNo',
  'StockCode',
  'Description',
  'Quantity',
  'InvoiceDate',
  'UnitPrice',
  'CustomerID',
  'Country',
];

/** A line that is not in the format: nothing of the file is played. */
export class BadLine extends Error {
  constructor(file: string, lineNo: number, what: string) {
    super(`${file}, line ${lineNo}: ${what}. Mend the file; nothing of it was played.`);
    this.name = 'BadLine';
  }
}

/** Reads a file line by line in bounded memory. Throws `BadLine` at the first line that does not fit. */
export async function* readLines(file: string): AsyncGenerator<RetailLine> {
  const parser = parse({ bom: true, info: true, relax_column_count: true });
  const source = createReadStream(file);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let header = true;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (header) {
        if (record.join() !== COLUMNS.join()) throw new BadLine(file, 1, `the header must be ${COLUMNS.join()}`);
        header = false;
        continue;
      }
      yield toLine(file, info.lines, record);
    }
    if (header) throw new BadLine(file, 1, 'the file is empty');
  } catch (error) {
    if (
      error instanceof BadLine ||
      !(error instanceof Error) ||
      !('code' in error) ||
      !String(error.code).startsWith('CSV_')
    )
      throw error;
    const lineNo = 'lines' in error && typeof error.lines === 'number' ? error.lines : 0;
    throw new BadLine(file, lineNo, error.message);
  } finally {
    source.destroy();
  }
}

function toLine(file: string, lineNo: number, record: readonly string[]): RetailLine {
  if (record.length !== COLUMNS.length)
    throw new BadLine(file, lineNo, `${record.length} fields where ${COLUMNS.length} belong`);
  const [
    invoiceNo = '',
    stockCode = '',
    description = '',
    quantity = '',
    date = '',
    price = '',
    customer = '',
    country = '',
  ] = record;
  if (!/^C?\w{1,20}$/.test(invoiceNo)) throw new BadLine(file, lineNo, `"${invoiceNo}" is no invoice number`);
  if (stockCode.trim() === '') throw new BadLine(file, lineNo, 'the stock code is missing');
  if (!/^-?\d{1,9}$/.test(quantity)) throw new BadLine(file, lineNo, `"${quantity}" is no quantity`);
  if (!/^-?\d{1,9}(\.\d{1,4})?$/.test(price)) throw new BadLine(file, lineNo, `"${price}" is no price`);
  const at = new Date(`${date.replace(' ', 'T')}Z`);
  if (Number.isNaN(at.getTime())) throw new BadLine(file, lineNo, `"${date}" is no date such as 2010-12-01 08:26:00`);
  if (!/^(\d{1,12}(\.0)?)?$/.test(customer)) throw new BadLine(file, lineNo, `"${customer}" is no customer`);
  return {
    lineNo,
    invoiceNo,
    stockCode: stockCode.trim(),
    description: description.trim(),
    quantity: Number(quantity),
    unitPrice: price,
    unitPriceMinor: toMinor(file, lineNo, price),
    at,
    customerId: customer === '' ? null : customer.replace(/\.0$/, ''),
    country,
  };
}

/** Pence, digit by digit: 2.55 → 255. */
function toMinor(file: string, lineNo: number, price: string): number {
  const [whole = '0', fraction = ''] = price.replace('-', '').split('.');
  if (/[1-9]/.test(fraction.slice(2))) throw new BadLine(file, lineNo, `the price ${price} has more than two digits`);
  const minor = Number(whole) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'));
  return price.startsWith('-') ? -minor : minor;
}
