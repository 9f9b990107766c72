import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadLine } from '../../tui/replay/bad-line.ts';
import { type Plan, planReplay } from '../../tui/replay/plan.ts';
import type { Tally } from '../../tui/replay/tally.ts';
import { SAMPLE, WHOLE } from '../support/retail.ts';
import { scratch } from '../support/tidegate.ts';

const NEVER = new AbortController().signal;
const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const LINE = '536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom';

let folder: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  folder = await scratch();
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

let files = 0;
async function planOf(content: string | Buffer): Promise<Plan> {
  const file = join(folder.path, `${++files}.csv`);
  await writeFile(file, content);
  return planReplay(file, NEVER);
}

/** A file of the header and these lines; each gives what differs from a plain purchase. */
function fileOf(...lines: readonly Partial<Record<keyof typeof PLAIN, string>>[]): string {
  return `${[HEADER, ...lines.map((line) => Object.values({ ...PLAIN, ...line }).join())].join('\n')}\n`;
}
const PLAIN = {
  invoice: '1',
  code: '85123A',
  description: 'HEART',
  quantity: '6',
  date: '2010-12-01 08:26:00',
  price: '2.55',
  customer: '17850.0',
  country: 'United Kingdom',
};

/** Every line is of exactly one kind. */
function expectAllCounted({ lines, purchases, leftOut, cancellations, withoutPaidLine }: Tally): void {
  const left = leftOut.negativeQuantity + leftOut.negativePrice + leftOut.belowPenny;
  expect(purchases.lines + left + cancellations.lines + withoutPaidLine.lines).toBe(lines);
}

describe('the plan of a file', () => {
  it('counts every kind of the sample', async () => {
    const { tally, invoices, skus } = await planReplay(SAMPLE, NEVER);
    expect(tally).toMatchObject({
      lines: 447,
      invoices: 45,
      purchases: { invoices: 29, worth: 716_861, guests: 6, lines: 430, freeLines: 1, chargeLines: 10 },
      cancellations: { invoices: 5, lines: 6, worth: -7_850, matched: 3 },
      withoutPaidLine: { invoices: 11, lines: 11 },
    });
    expectAllCounted(tally);
    expect(invoices).toHaveLength(29);
    expect(invoices.reduce((sum, { worth }) => sum + worth, 0)).toBe(tally.purchases.worth);
    expect(invoices.filter(({ chargesOnly }) => chargesOnly).map(({ invoiceNo }) => invoiceNo)).toEqual(['536779']);
    const bought = invoices.flatMap(({ lines }) => lines).reduce((sum, { quantity }) => sum + quantity, 0);
    expect(skus.reduce((sum, { pieces }) => sum + pieces, 0)).toBe(bought);
  });

  it.runIf(existsSync(WHOLE))('says of the whole file what its README says', async () => {
    const { tally, invoices } = await planReplay(WHOLE, NEVER);
    expect(tally).toEqual({
      lines: 10_000,
      invoices: 512,
      from: new Date('2010-12-01T08:26:00Z'),
      to: new Date('2010-12-05T16:24:00Z'),
      purchases: { invoices: 424, worth: 18_424_833, guests: 23, lines: 9_855, freeLines: 1, chargeLines: 36 },
      leftOut: { negativeQuantity: 0, negativePrice: 0, belowPenny: 0 },
      cancellations: { invoices: 43, lines: 100, worth: -358_058, matched: 10 },
      withoutPaidLine: { invoices: 45, lines: 45 },
      untidy: {
        negativeLinesOutsideCancellations: 30,
        freeLines: 46,
        linesWithoutDescription: 42,
        linesWithoutCustomer: 2_291,
        invoicesWithoutCustomer: 68,
        codesThatAreNoGoods: ['BANK CHARGES', 'C2', 'D', 'DOT', 'M', 'POST'],
        repeatedInInvoice: 304,
        atTwoPricesInInvoice: 15,
        codesWithSeveralPrices: 952,
        longestInvoiceLines: 593,
      },
    });
    expectAllCounted(tally);
    expect(invoices).toHaveLength(424);
    expect(invoices.every(({ at }, i) => i === 0 || at >= (invoices[i - 1]?.at ?? at))).toBe(true);
  });

  it('leaves out of a purchase what no order can hold, and counts it', async () => {
    const { tally, invoices } = await planOf(
      fileOf({}, { quantity: '-2' }, { price: '-1.00' }, { price: '0.001' }, { price: '0.0' }, { price: '2.5500' }),
    );
    expect(tally.leftOut).toEqual({ negativeQuantity: 1, negativePrice: 1, belowPenny: 1 });
    expect(tally.purchases).toMatchObject({ invoices: 1, lines: 3, freeLines: 1, worth: 2 * 6 * 255 });
    expect(invoices[0]?.lines.map(({ sku }) => sku.key)).toEqual(['85123A@255', '85123A@0', '85123A@255']);
    expectAllCounted(tally);
  });

  it('matches a cancellation with a purchase of the same customer and code, before it', async () => {
    const { tally } = await planOf(
      fileOf(
        { invoice: 'C0', quantity: '-1', date: '2010-12-01 08:00:00' },
        {},
        { invoice: 'C2', quantity: '-1', date: '2010-12-01 09:00:00' },
        { invoice: 'C2', quantity: '-1', date: '2010-12-01 09:00:00', code: '22222' },
        { invoice: 'C3', quantity: '-1', date: '2010-12-01 09:00:00', customer: '12345.0' },
      ),
    );
    expect(tally.cancellations).toEqual({ invoices: 3, lines: 4, worth: -4 * 255, matched: 1 });
  });

  it('finds the lines of an invoice wherever they stand, and plays invoices in the order of their time', async () => {
    const { invoices } = await planOf(
      fileOf(
        { invoice: '2', date: '2010-12-02 08:26:00' },
        {},
        { invoice: '2', date: '2010-12-02 08:26:00', code: '1' },
      ),
    );
    expect(invoices.map(({ invoiceNo, lines }) => [invoiceNo, lines.length])).toEqual([
      ['1', 1],
      ['2', 2],
    ]);
  });
});

describe('a file that is written in another way says the same', () => {
  const plain = `${HEADER}\n${LINE}\n`;
  it.each([
    ['with a byte order mark', `\uFEFF${plain}`],
    ['with CRLF', plain.replaceAll('\n', '\r\n')],
    ['without an end to its last line', plain.trimEnd()],
    ['with an empty line at its end', `${plain}\n`],
    ['with dates as the data set is handed around', plain.replace('2010-12-01 08:26:00', '12/1/2010 8:26')],
    ['with quotes', plain.replace('HEART', '"HEART"')],
    ['with customers as whole numbers', plain.replace('17850.0', '17850')],
  ])('%s', async (_, content) => {
    const [expected, { tally, invoices, digest }] = [await planOf(plain), await planOf(content)];
    expect(tally).toEqual(expected.tally);
    expect(invoices).toEqual(expected.invoices);
    expect(digest).toMatch(/^[0-9a-f]{12}$/);
  });

  it('keeps letters of every kind, also where a piece of the file ends inside one', async () => {
    const name = '圣诞 £ “café” 🎄'.repeat(200);
    const many = Array.from({ length: 40 }, (_, i) => ({ code: String(10_000 + i), description: name }));
    const { skus } = await planOf(fileOf(...many));
    expect(new Set(skus.map(({ description }) => description))).toEqual(new Set([name]));
  });
});

describe('a bad file is refused with its line, and what to do', () => {
  const bad = (line: string): string => `${HEADER}\n${LINE}\n${line}\n`;
  it.each([
    ['a letter for a quantity', bad(LINE.replace(',6,', ',six,')), /line 3: "six" is no quantity/],
    ['a quantity of 0', bad(LINE.replace(',6,', ',0,')), /line 3: "0" is no quantity/],
    ['a quantity with a point', bad(LINE.replace(',6,', ',1.5,')), /line 3: "1.5" is no quantity/],
    ['no price', bad(LINE.replace('2.55', '')), /line 3: "" is no price/],
    ['a price with a thousands comma', bad(LINE.replace('2.55', '"1,002.55"')), /line 3: "1,002.55" is no price/],
    ['no date', bad(LINE.replace('2010-12-01 08:26:00', 'yesterday')), /line 3: "yesterday" is no date/],
    ['the 30th of February', bad(LINE.replace('2010-12-01', '2010-02-30')), /line 3: "2010-02-30 08:26:00" is no date/],
    ['25 o’clock', bad(LINE.replace('08:26', '25:26')), /line 3: ".*" is no date/],
    ['no invoice', bad(LINE.replace('536365', '')), /line 3: "" is no invoice number/],
    ['no stock code', bad(LINE.replace('85123A', ' ')), /line 3: " " is no stock code/],
    ['a name for a customer', bad(LINE.replace('17850.0', 'Li Lei')), /line 3: "Li Lei" is no customer/],
    ['a line cut short', bad('536365,85123A,HEART,6,2010-12-01 0'), /line 3: 5 fields where 8 belong; it is cut short/],
    ['a field too many', bad(`${LINE},x`), /line 3: 9 fields where 8 belong/],
    ['a quote left open', bad(LINE.replace('HEART', '"HEART')), /line 3: .*quote/i],
    [
      'a column missing',
      `${HEADER.replace('InvoiceDate,', '')}\n${LINE}\n`,
      /line 1: the column InvoiceDate is missing/,
    ],
    ['columns in another order', `${HEADER.split(',').reverse().join()}\n${LINE}\n`, /line 1: .*another order/],
    ['no header', `${LINE}\n`, /line 1: this is no header; the header must be InvoiceNo,/],
    ['an empty file', '', /line 1: the file is empty/],
    ['a header alone', `${HEADER}\n`, /line 1: the file holds its header and no line/],
  ])('%s', async (_, content, message) => {
    const planned = planOf(content);
    await expect(planned).rejects.toBeInstanceOf(BadLine);
    await expect(planned).rejects.toThrow(message);
    await expect(planned).rejects.toThrow(/Mend the file; nothing of it was played\.$/);
  });

  it('a file that was cut off at any byte of its last line is never taken for a whole one', async () => {
    const text = await readFile(SAMPLE, 'utf8');
    const last = text.lastIndexOf('\n', text.length - 2) + 1;
    const country = text.lastIndexOf(',') + 1;
    // A cut inside the last field leaves a shorter country, which no reader can tell; every other cut must be told.
    for (let at = last + 1; at < country; at += 1)
      await expect(planOf(text.slice(0, at)), text.slice(last, at)).rejects.toThrow(
        /line 448: .*nothing of it was played/i,
      );
  });

  it('letters that are not UTF-8, with the way to convert them', async () => {
    const text = `${HEADER}\n${`${LINE}\n`.repeat(3_000)}${LINE.replace('HEART', '£5 HEART')}\n${LINE}\n`;
    await expect(planOf(Buffer.from(text, 'latin1'))).rejects.toThrow(/line 3002: this is not UTF-8; .*iconv/);
    const torn = Buffer.concat([Buffer.from(`${HEADER}\n${LINE}`), Buffer.from([0xe2, 0x82])]);
    await expect(planOf(torn)).rejects.toThrow(/line 2: this is not UTF-8/);
  });

  it('a file without line ends, or with a quote that swallows the rest, before it fills the memory', async () => {
    await expect(planOf('x'.repeat(3 << 20))).rejects.toThrow(/line 1: the line is longer than 1 MiB/);
    const swallowed = `${HEADER}\n${LINE}\n${LINE.replace('HEART', '"HEART')}\n${`${LINE}\n`.repeat(20_000)}`;
    await expect(planOf(swallowed)).rejects.toThrow(/line 3: .*is a quote left open/);
  });
});
