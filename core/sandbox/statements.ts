import type { Sql } from '../kernel/db/database.ts';
import { formatAmount, isCurrency } from '../kernel/money.ts';

interface Line {
  readonly id: number;
  readonly kind: 'trade.paid' | 'refund.done';
  readonly key: string;
  readonly trade_no: string;
  readonly transaction_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly at: Date;
}

const PAGE = 1_000;
const DAY_MS = 86_400_000;

const COLUMNS = 'type,reference,transaction,amount,currency,at,trade';

/**
 * A channel's day (UTC) as CSV: `payment` by its trade number, `refund` by its refund number, in the order they happened.
 * Amounts are decimal text with the digits of their currency. Read page by page as its reader takes it, so that a day of
 * millions of lines costs one page of memory and holds no transaction open.
 */
export function statement(sql: Sql, channel: string, day: Date): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const until = new Date(day.getTime() + DAY_MS);
  let last: Pick<Line, 'at' | 'id'> = { at: day, id: 0 };
  let text = `${COLUMNS}\n`;
  return new ReadableStream({
    async pull(controller) {
      const lines = await readPage(sql, channel, last, until);
      for (const line of lines) text += write(line);
      controller.enqueue(encoder.encode(text));
      text = '';
      last = lines.at(-1) ?? last;
      if (lines.length < PAGE) controller.close();
    },
  });
}

async function readPage(sql: Sql, channel: string, after: Pick<Line, 'at' | 'id'>, until: Date): Promise<Line[]> {
  return sql.query<Line>({
    name: 'sandbox_statement',
    text: `SELECT id, kind, key, trade_no, transaction_id, amount, currency, at FROM sandbox.effect
      WHERE source = $1 AND kind IN ('trade.paid','refund.done') AND (at, id) > ($2, $3) AND at < $4
      ORDER BY at, id LIMIT ${PAGE}`,
    values: [channel, after.at, after.id, until],
  });
}

function write(line: Line): string {
  const type = line.kind === 'trade.paid' ? 'payment' : 'refund';
  if (!isCurrency(line.currency)) throw new Error(`broken invariant: a line in ${line.currency}`);
  const amount = formatAmount(line.amount, line.currency);
  const fields = [type, line.key, line.transaction_id, amount, line.currency, line.at.toISOString(), line.trade_no];
  return `${fields.map(field).join(',')}\n`;
}

/** Numbers come from outside and may hold what CSV must quote. */
function field(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
