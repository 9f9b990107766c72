import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { BadLine } from './bad-line.ts';
import { readText } from './bytes.ts';

/** One line of the public Online Retail format. Prices are minor units of the file's currency (GBP). */
export interface RetailLine {
  /** Begins with C: a cancellation. */
  readonly invoiceNo: string;
  readonly stockCode: string;
  readonly description: string;
  /** Never 0. */
  readonly quantity: number;
  /** Decimal text, as it stands: it is the shop's price, and the server parses it exactly. */
  readonly unitPrice: string;
  /** Pence; null where the price has fractions of a penny, which no one can pay. */
  readonly unitPriceMinor: number | null;
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
/** A quote that is left open would make one record of the rest of the file. */
const MAX_RECORD_CHARS = 64 * 1024;

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Sees every byte of the file once, in order. */
  readonly onBytes: (bytes: Buffer) => void;
}

/**
 * Reads a file line by line in bounded memory: UTF-8 with or without its mark, lines that end with LF or CRLF. Throws
 * `BadLine` at the first line that does not fit, and what the file system says of a file that cannot be read.
 */
export async function* readLines(file: string, options: ReadOptions): AsyncGenerator<RetailLine> {
  const source = Readable.from(readText(file, options));
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    max_record_size: MAX_RECORD_CHARS,
  });
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let header = true;
  let lines = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (header) demandColumns(file, record);
      else yield toLine(file, info.lines, record);
      header = false;
      lines = info.lines;
    }
    if (lines === 0) throw new BadLine(file, 1, 'the file is empty');
    if (lines === 1) throw new BadLine(file, 1, 'the file holds its header and no line');
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const hint = error.code === 'CSV_MAX_RECORD_SIZE' ? ' (is a quote left open before it?)' : '';
    throw new BadLine(file, lines + 1, `${error.message.replace(/\.$/, '')}${hint}`);
  } finally {
    source.destroy();
    parser.destroy();
  }
}

function demandColumns(file: string, record: readonly string[]): void {
  const missing = COLUMNS.filter((name) => !record.includes(name));
  if (missing.length === 0 && record.join() === COLUMNS.join()) return;
  const what =
    missing.length === COLUMNS.length
      ? 'this is no header'
      : missing.length > 0
        ? `the column ${missing.join(', ')} is missing`
        : 'the columns stand in another order, or there are more';
  throw new BadLine(file, 1, `${what}; the header must be ${COLUMNS.join()}`);
}

function toLine(file: string, lineNo: number, record: readonly string[]): RetailLine {
  const refuse = (what: string): never => {
    throw new BadLine(file, lineNo, what);
  };
  if (record.length !== COLUMNS.length)
    refuse(
      `${record.length} fields where ${COLUMNS.length} belong${record.length < COLUMNS.length ? '; it is cut short' : ''}`,
    );
  const [
    invoiceNo = '',
    code = '',
    description = '',
    quantity = '',
    date = '',
    price = '',
    customer = '',
    country = '',
  ] = record;
  if (!/^\w{1,20}$/.test(invoiceNo)) refuse(`"${shown(invoiceNo)}" is no invoice number`);
  const stockCode = code.trim();
  if (stockCode === '' || stockCode.length > 40) refuse(`"${shown(code)}" is no stock code`);
  if (!/^-?\d{1,9}$/.test(quantity) || Number(quantity) === 0) refuse(`"${shown(quantity)}" is no quantity`);
  if (!/^-?\d{1,9}(\.\d{1,4})?$/.test(price)) refuse(`"${shown(price)}" is no price`);
  if (!/^(\d{1,12}(\.0)?)?$/.test(customer)) refuse(`"${shown(customer)}" is no customer`);
  return {
    invoiceNo,
    stockCode,
    description: description.trim(),
    quantity: Number(quantity),
    unitPrice: price,
    unitPriceMinor: toMinor(price),
    at: toDate(date) ?? refuse(`"${shown(date)}" is no date such as 2010-12-01 08:26:00`),
    customerId: customer === '' ? null : customer.replace(/\.0$/, ''),
    country: country.trim(),
  };
}

/** What stands in a message: never a whole page of somebody's file. */
function shown(field: string): string {
  return field.length > 40 ? `${field.slice(0, 40)}…` : field;
}

/** Pence, digit by digit: 2.55 → 255; null for 0.001. */
function toMinor(price: string): number | null {
  const [whole = '0', fraction = ''] = price.replace('-', '').split('.');
  if (/[1-9]/.test(fraction.slice(2))) return null;
  const minor = Number(whole) * 100 + Number(fraction.slice(0, 2).padEnd(2, '0'));
  return price.startsWith('-') && minor !== 0 ? -minor : minor;
}

const ISO = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?$/;
/** As the data set is handed around in CSV: 12/1/2010 8:26. */
const US = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2})$/;

/** The file names no zone; it is read as UTC, so that its days are days. */
function toDate(text: string): Date | null {
  const iso = ISO.exec(text);
  const us = iso === null ? US.exec(text) : null;
  const [year, month, day, hour, minute, second] =
    iso !== null
      ? iso.slice(1).map((part) => Number(part ?? 0))
      : us !== null
        ? [us[3], us[1], us[2], us[4], us[5]].map(Number)
        : [];
  if (year === undefined || month === undefined || day === undefined) return null;
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second ?? 0));
  // The 30th of February and 25 o'clock roll over into something else.
  const same =
    at.getUTCMonth() === month - 1 &&
    at.getUTCDate() === day &&
    at.getUTCHours() === hour &&
    at.getUTCMinutes() === minute &&
    at.getUTCSeconds() === (second ?? 0);
  return same ? at : null;
}
