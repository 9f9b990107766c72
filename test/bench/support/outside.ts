import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { secretOf } from '../../../core/callbacks/signatures.ts';
import { Connection } from './connection.ts';
import { type Asked, listen, type Said } from './server.ts';

/*
 * The outside world of a benchmark, a process of its own: a payment channel and a fulfilment service that answer after
 * OUTSIDE_DELAY_MS, remember what they did in memory, and send callbacks signed as Standard Webhooks asks. The real
 * sandbox keeps its truth in the same database and would take half of what is measured; this one takes a few percent.
 * Parcels are accepted and stay on their way, as they do in the seconds that a benchmark lasts.
 */
interface Trade {
  readonly tradeNo: string;
  readonly channel: string;
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: string;
  readonly notifyUrl: string;
  transactionId: string | undefined;
}

type Body = Readonly<Record<string, unknown>>;

const delayMs = Number(process.env['OUTSIDE_DELAY_MS'] ?? '1');
const key = Buffer.from(
  secretOf(process.env['TIDEGATE_WEBHOOK_SECRET'] ?? '', 'sandbox').slice('whsec_'.length),
  'base64',
);
const trades = new Map<string, Trade>();
const parcels = new Set<string>();
const idle: Connection[] = [];
let counter = 0;

process.on('disconnect', () => process.exit(0));
process.stdout.write(`${await listen(serve)}\n`);

async function serve({ method, path, body: text }: Asked): Promise<Said> {
  const [, service, ...rest] = path.split('/');
  await delay(delayMs);
  const body = text === '' ? {} : (JSON.parse(text) as Body);
  if (service === 'channels' && rest[1] === 'trades') return channel(rest[0] ?? '', rest.slice(2), body);
  if (service === 'fulfilment' && method === 'POST') {
    const shipmentId = String(body['shipmentId']);
    parcels.add(shipmentId);
    return { status: 200, body: { shipmentId, state: 'accepted' } };
  }
  if (service === 'pay') return pay(rest[0] ?? '');
  if (service === 'truth') return { status: 200, body: truth() };
  return { status: 404, body: { state: 'none' } };
}

function channel(id: string, [tradeNo]: readonly string[], body: Body): Said {
  const number = tradeNo ?? String(body['tradeNo']);
  if (tradeNo === undefined && !trades.has(number)) {
    trades.set(number, {
      tradeNo: number,
      channel: id,
      merchantId: String(body['merchantId']),
      amount: Number(body['amount']),
      currency: String(body['currency']),
      notifyUrl: String(body['notifyUrl']),
      transactionId: undefined,
    });
  }
  const trade = trades.get(number);
  if (trade === undefined) return { status: 404, body: { state: 'none' } };
  return { status: 200, body: viewOf(trade) };
}

function viewOf(trade: Trade): Body {
  const { tradeNo, amount, currency, transactionId } = trade;
  if (transactionId !== undefined) return { tradeNo, state: 'paid', transactionId, amount, currency };
  const payUrl = `http://outside.invalid/pay/${tradeNo}`;
  return { tradeNo, state: 'open', channelTradeId: tradeNo.replace('pay_', 'ct_'), payUrl };
}

/** The shopper pays: the trade is settled, and the answer goes out when the merchant has taken the callback. */
async function pay(tradeNo: string): Promise<Said> {
  const trade = trades.get(tradeNo);
  if (trade === undefined) return { status: 404, body: { state: 'none' } };
  trade.transactionId ??= tradeNo.replace('pay_', 'txn_');
  const { channel: source, merchantId, amount, currency, transactionId } = trade;
  const text = JSON.stringify({
    type: 'trade.paid',
    source,
    merchantId,
    tradeNo,
    transactionId,
    amount,
    currency,
    occurredAt: new Date().toISOString(),
  });
  const taken = await callback(trade.notifyUrl, tradeNo.replace('pay_', 'evt_'), text);
  return { status: taken.status, body: { state: 'paid', callback: taken.text } };
}

async function callback(url: string, id: string, text: string): Promise<{ status: number; text: string }> {
  const { pathname, origin } = new URL(url);
  const at = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', key).update(`${id}.${at}.${text}`).digest('base64');
  const headers = `webhook-id: ${id}\r\nwebhook-timestamp: ${at}\r\nwebhook-signature: v1,${signature}\r\n`;
  const connection = idle.pop() ?? (await Connection.open(origin));
  const taken = await connection.send('POST', pathname, headers, text);
  idle.push(connection);
  counter += 1;
  return taken;
}

function truth(): Body {
  let paid = 0;
  let amount = 0;
  for (const trade of trades.values()) {
    if (trade.transactionId === undefined) continue;
    paid += 1;
    amount += trade.amount;
  }
  return { trades: trades.size, paid, amount, parcels: parcels.size, callbacks: counter };
}
