import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretOf } from '../../core/callbacks/signatures.ts';
import { addMs, systemClock } from '../../core/kernel/clock.ts';
import { effectsAnswer } from '../support/books.ts';
import { eventually } from '../support/eventually.ts';
import { countRows } from '../support/rows.ts';
import { ADDRESS, http, placedAnswer, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem, WEBHOOK_SECRET } from '../support/system.ts';

/** What arrives at the core as a channel's word, true and false, over HTTP and with real signatures. */
let system: System;
let shop: Shop;
let skuId = '';
beforeAll(async () => {
  system = await startSystem({ reconcilers: 0, controls: 0 });
  shop = new Shop(system);
  [skuId = ''] = await shop.stockUp('t-shirt');
});
afterAll(() => system?.[Symbol.asyncDispose]());

interface Attempt {
  readonly payOrderId: string;
  readonly orderId: string;
  readonly paymentId: string;
}

let keys = 0;
/** An attempt whose shopper is at the channel (P7). */
async function atTheChannel(): Promise<Attempt> {
  const body = { userId: '9', type: 'physical', items: [{ skuId, quantity: 1 }], address: ADDRESS };
  const placed = placedAnswer.parse((await shop.order(body, `callback-${++keys}`)).body);
  const paying = await shop.pay(placed.payOrderId);
  expect(paying.body).toMatchObject({ status: { code: 'P7' } });
  return {
    payOrderId: placed.payOrderId,
    orderId: placed.orders[0]?.orderId ?? '',
    paymentId: String(paying.body['paymentId']),
  };
}

async function stateOf({ payOrderId }: Attempt): Promise<string> {
  const { body } = await shop.core(`/v1/pay-orders/${payOrderId}`);
  return (body['payments'] as { state: { code: string } }[])[0]?.state.code ?? '';
}

function paid({ paymentId }: Attempt, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'trade.paid',
    source: 'sandbox',
    merchantId: 'tidegate',
    tradeNo: paymentId,
    transactionId: `tx_${paymentId}`,
    amount: 7_900,
    currency: 'CNY',
    occurredAt: systemClock.now().toISOString(),
    ...more,
  };
}

interface Sending {
  readonly id?: string;
  readonly at?: Date;
  /** Whose secret signs. */
  readonly signer?: string;
  readonly kind?: string;
  readonly headers?: Record<string, string>;
}

let events = 0;
function deliver(message: Record<string, unknown> | string, sending: Sending = {}): Promise<Reply> {
  const { id = `evt_${++events}`, at = systemClock.now(), signer = 'sandbox', kind = 'payment' } = sending;
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const signature = new Webhook(secretOf(WEBHOOK_SECRET, signer)).sign(id, at, text);
  return http(`${system.one('core').url}/v1/callbacks/${kind}`, {
    method: 'POST',
    body: text,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
      ...sending.headers,
    },
  });
}

const MINUTE_MS = 60_000;
const rows = (): Promise<Record<string, number>> => countRows(system.database.db);

describe('a word that is not believed moves nothing and is not kept', () => {
  it.each<[string, (a: Attempt) => Promise<Reply>, number, string]>([
    [
      'without a signature',
      (a) => deliver(paid(a), { headers: { 'webhook-signature': 'v1,' } }),
      401,
      'callback_forged',
    ],
    [
      'with the signature of another text',
      (a) =>
        deliver(paid(a), {
          headers: {
            'webhook-signature': new Webhook(secretOf(WEBHOOK_SECRET, 'sandbox')).sign('evt', systemClock.now(), '{}'),
          },
        }),
      401,
      'callback_forged',
    ],
    [
      "signed by another channel in this one's name",
      (a) => deliver(paid(a), { signer: 'sandbox-b' }),
      401,
      'callback_forged',
    ],
    [
      'of a source that nobody knows',
      (a) => deliver(paid(a, { source: 'my-bank' }), { signer: 'my-bank' }),
      401,
      'callback_forged',
    ],
    [
      'recorded and sent again an hour later',
      (a) => deliver(paid(a), { at: addMs(systemClock.now(), -60 * MINUTE_MS) }),
      401,
      'callback_forged',
    ],
    [
      'signed ahead of time',
      (a) => deliver(paid(a), { at: addMs(systemClock.now(), 60 * MINUTE_MS) }),
      401,
      'callback_forged',
    ],
    ['that is no JSON', () => deliver('{"type":'), 400, 'malformed_json'],
    ['that is empty', () => deliver(''), 400, 'malformed_json'],
    ['of a kind that there is none of', (a) => deliver(paid(a), { kind: 'statement' }), 422, 'invalid_request'],
  ])('%s', async (_what, send, status, code) => {
    const attempt = await atTheChannel();
    const before = await rows();
    const { status: answered, body, headers } = await send(attempt);
    expect({ status: answered, code: body.code }).toEqual({ status, code });
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      detail: expect.stringMatching(/\S/),
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(await rows()).toEqual(before);
    expect(await stateOf(attempt)).toBe('P7');
  });
});

describe('a signed word that contradicts what we know moves nothing and is kept for a person', () => {
  it.each<[string, (a: Attempt) => Promise<Reply>, string]>([
    ['about another amount', (a) => deliver(paid(a, { amount: 7_901 })), 'callback_rejected'],
    ['about another currency', (a) => deliver(paid(a, { currency: 'USD' })), 'callback_rejected'],
    ['about another merchant', (a) => deliver(paid(a, { merchantId: 'somebody' })), 'callback_rejected'],
    ['about a trade that was never asked for', (a) => deliver(paid(a, { tradeNo: 'pay_nobody' })), 'callback_rejected'],
    [
      "about another channel's trade",
      (a) => deliver(paid(a, { source: 'sandbox-b' }), { signer: 'sandbox-b' }),
      'callback_rejected',
    ],
    ['with an amount as text', (a) => deliver(paid(a, { amount: '7900' })), 'callback_invalid'],
    ['with a negative amount', (a) => deliver(paid(a, { amount: -7_900 })), 'callback_invalid'],
    ['about a payment, sent as one about a refund', (a) => deliver(paid(a), { kind: 'refund' }), 'callback_invalid'],
  ])('%s', async (_what, send, code) => {
    const attempt = await atTheChannel();
    const before = await rows();
    const { status, body } = await send(attempt);
    expect({ status, code: body.code }).toEqual({ status: 422, code });
    const kept = code === 'callback_rejected' ? 1 : 0;
    expect(await rows()).toEqual({
      ...before,
      'core.callback': Number(before['core.callback']) + kept,
      'core.event': Number(before['core.event']) + 2 * kept + 1,
      'core.callback_conflict': Number(before['core.callback_conflict']) + 1,
    });
    expect(await stateOf(attempt)).toBe('P7');
  });
});

describe('a true word', () => {
  const moneyOf = async ({ payOrderId }: Attempt) => {
    const [money] = await system.database.db.query({
      text: `SELECT (SELECT count(*) FROM core.capture WHERE pay_order_id = $1) AS captures,
        (SELECT coalesce(sum(amount), 0)::bigint FROM core.capture WHERE pay_order_id = $1) AS captured,
        (SELECT count(*) FROM core.posting WHERE pay_order_id = $1) AS postings,
        (SELECT count(*) FROM core.shipment s JOIN core.orders o ON o.id = s.order_id WHERE o.pay_order_id = $1) AS shipments`,
      values: [payOrderId],
    });
    return money;
  };
  const once = { captures: 1, captured: 7_900, postings: 1, shipments: 1 };

  it('ten times at once is booked once', async () => {
    const attempt = await atTheChannel();
    const message = paid(attempt);
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(message, { id: 'evt_ten' })));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const said = answers.map(({ body }) => body['status']);
    expect(said.filter((status) => status === 'applied')).toHaveLength(1);
    expect(said.filter((status) => status === 'duplicate')).toHaveLength(9);
    expect(await stateOf(attempt)).toBe('P8');
    expect(await moneyOf(attempt)).toEqual(once);
  });

  it('again, under its id or another one, books nothing more', async () => {
    const attempt = await atTheChannel();
    const message = paid(attempt);
    expect((await deliver(message, { id: 'evt_again' })).body).toEqual({ status: 'applied' });
    expect((await deliver(message, { id: 'evt_again' })).body).toEqual({ status: 'duplicate' });
    expect((await deliver(message, { id: 'evt_again_2' })).status).toBe(200);
    expect(await moneyOf(attempt)).toEqual(once);
  });

  it('under a known id with another body is refused; the first one stands, and a person sees both', async () => {
    const attempt = await atTheChannel();
    const other = await atTheChannel();
    await deliver(paid(attempt), { id: 'evt_reused' });
    const { status, body } = await deliver(paid(other), { id: 'evt_reused' });
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'callback_conflict' });
    expect([await stateOf(attempt), await stateOf(other)]).toEqual(['P8', 'P7']);
    const conflicts = await system.database.db.query({
      text: `SELECT body->>'tradeNo' AS trade FROM core.callback_conflict WHERE event_id = 'evt_reused'`,
    });
    expect(conflicts).toEqual([{ trade: other.paymentId }]);
  });

  it('that is refused is kept once and counted, however often it is sent again', async () => {
    const attempt = await atTheChannel();
    await deliver(paid(attempt), { id: 'evt_repeated' });
    const other = paid(attempt, { amount: 100_000 });
    for (const _ of [1, 2, 3]) expect((await deliver(other, { id: 'evt_repeated' })).status).toBe(409);
    await deliver(paid(attempt, { amount: 200_000 }), { id: 'evt_repeated' });
    const unfit = paid(attempt, { amount: 'many' });
    for (const _ of [1, 2]) expect((await deliver(unfit, { id: 'evt_unfit' })).status).toBe(422);
    const kept = await system.database.db.query({
      text: `SELECT c.body->>'amount' AS amount, c.times, (SELECT count(*) FROM core.event e
          WHERE e.machine = 'callback_conflict' AND e.entity_id = c.id::text) AS events
        FROM core.callback_conflict c WHERE event_id IN ('evt_repeated', 'evt_unfit') ORDER BY id`,
    });
    expect(kept).toEqual([
      { amount: '100000', times: 3, events: 1 },
      { amount: '200000', times: 1, events: 1 },
      { amount: 'many', times: 2, events: 1 },
    ]);
  });

  it('that it failed does not undo that it is paid', async () => {
    const attempt = await atTheChannel();
    await deliver(paid(attempt));
    const { type: _type, transactionId: _id, amount: _amount, currency: _currency, ...rest } = paid(attempt);
    expect((await deliver({ ...rest, type: 'trade.failed' })).status).toBe(200);
    expect(await stateOf(attempt)).toBe('P8');
    expect(await moneyOf(attempt)).toEqual(once);
  });

  it('that comes after its attempt has ended is booked, and paid back by itself', async () => {
    const attempt = await atTheChannel();
    const { type: _type, transactionId: _id, amount: _amount, currency: _currency, ...rest } = paid(attempt);
    await deliver({ ...rest, type: 'trade.failed' });
    expect(await stateOf(attempt)).toBe('P9');
    // The channel's own word, and its own money.
    const decided = await shop.sandbox(`/sandbox/pay/${attempt.paymentId}`, {
      method: 'POST',
      body: { result: 'paid' },
    });
    expect(decided.status).toBe(200);
    await eventually(async () => {
      const refunds = await system.database.db.query({
        text: 'SELECT state, cause, amount FROM core.refund WHERE pay_order_id = $1',
        values: [attempt.payOrderId],
      });
      expect(refunds).toEqual([{ state: 'R10', cause: 'late_capture', amount: 7_900 }]);
    });
    expect(await stateOf(attempt)).toBe('P9');
    expect((await shop.core(`/v1/orders/${attempt.orderId}`)).body).toMatchObject({ state: { code: 'O0' } });
    const accounts = await system.database.db.query({
      text: `SELECT e.account_id, sum(e.amount)::bigint AS balance FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
        WHERE p.pay_order_id = $1 GROUP BY 1 HAVING sum(e.amount) <> 0`,
      values: [attempt.payOrderId],
    });
    expect(accounts).toEqual([]);
    const { body } = await shop.sandbox('/sandbox/effects');
    const { refunds } = effectsAnswer.parse(body);
    expect(refunds.filter(({ state }) => state === 'done').map(({ amount }) => Number(amount))).toEqual([7_900]);
  });
});
