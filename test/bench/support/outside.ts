import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { secretOf } from '../../../core/callbacks/signatures.ts';
import { Connection } from './connection.ts';

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

const server = createServer((request, response) => {
  void serve(request).then(
    ({ status, body }) => answer(response, status, body),
    (error: unknown) => answer(response, 500, { error: String(error) }),
  );
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.on('disconnect', () => process.exit(0));

function answer(response: ServerResponse, status: number, body: Body): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

async function serve(request: IncomingMessage): Promise<{ status: number; body: Body }> {
  const [, service, ...rest] = (request.url ?? '').split('/');
  const [body] = await Promise.all([bodyOf(request), delay(delayMs)]);
  if (service === 'channels' && rest[1] === 'trades') return channel(rest[0] ?? '', rest.slice(2), body);
  if (service === 'fulfilment' && request.method === 'POST') {
    const shipmentId = String(body['shipmentId']);
    parcels.add(shipmentId);
    return { status: 200, body: { shipmentId, state: 'accepted' } };
  }
  if (service === 'pay') return pay(rest[0] ?? '');
  if (service === 'truth') return { status: 200, body: truth() };
  return { status: 404, body: { state: 'none' } };
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body);
}

function channel(id: string, [tradeNo]: readonly string[], body: Body): { status: number; body: Body } {
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
async function pay(tradeNo: string): Promise<{ status: number; body: Body }> {
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
