import type { AppContext } from '../kernel/http/context.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import type { Message } from './callbacks.store.ts';
import { answer, contradiction, type Forgery } from './edge.ts';
import { findRefund, type RefundInput, refundTrade } from './refunds.ts';
import { closeTrade, endTrade, findTrade, initTrade, kickAutopay, type TradeInput, type TradeRow } from './trades.ts';
import { refundView, tradeView } from './views.ts';
import { channel, key, refundAnswer, refundBody, type TradeAnswer, tradeAnswer, tradeBody } from './wire.ts';
import type { World } from './world.ts';

const NO_RECORD = '404 `{"state":"none"}`: no record';
const trade = {
  access: 'open' as const,
  tags: ['channel'],
  responses: { 200: json(tradeAnswer, `The trade; ${NO_RECORD}.`) },
};
const refund = {
  access: 'open' as const,
  tags: ['channel'],
  responses: { 200: json(refundAnswer, `The refund; ${NO_RECORD}.`) },
};
const channelParams = wire.object({ channel });
const tradeParams = wire.object({ channel, tradeNo: key });

const NOTIFY = 'http://127.0.0.1:4601/v1/callbacks';
const TRADE = {
  tradeNo: 'pay_1',
  merchantId: 'tidegate',
  amount: 7900,
  currency: 'CNY' as const,
  description: 'Order 1',
  notifyUrl: `${NOTIFY}/payment`,
};
const REFUND = {
  refundNo: 'ref_1',
  tradeNo: 'pay_1',
  merchantId: 'tidegate',
  amount: 7900,
  currency: 'CNY' as const,
  notifyUrl: `${NOTIFY}/refund`,
};

const routes = {
  init: route({
    ...trade,
    method: 'post',
    path: '/channels/{channel}/trades',
    summary: 'Opens a trade, once per number',
    request: { params: channelParams, body: jsonBody(tradeBody, TRADE) },
  }),
  query: route({
    ...trade,
    method: 'get',
    path: '/channels/{channel}/trades/{tradeNo}',
    summary: 'The trade as it stands',
    request: { params: tradeParams },
  }),
  close: route({
    ...trade,
    method: 'post',
    path: '/channels/{channel}/trades/{tradeNo}/close',
    summary: 'Closes an open trade; an unknown number is closed in advance',
    request: { params: tradeParams },
  }),
  refund: route({
    ...refund,
    method: 'post',
    path: '/channels/{channel}/refunds',
    summary: 'Pays back a part of a paid trade, once per number',
    request: { params: channelParams, body: jsonBody(refundBody, REFUND) },
  }),
  refundQuery: route({
    ...refund,
    method: 'get',
    path: '/channels/{channel}/refunds/{refundNo}',
    summary: 'The refund as it stands',
    request: { params: wire.object({ channel, refundNo: key }) },
  }),
};

const NONE = { state: 'none' } as const;

export function channelRoutes(world: World) {
  const router = createRouter();
  const { knobs, db } = world;
  router.openapi(routes.init, async (c) => {
    const input = { ...c.req.valid('json'), channel: c.req.valid('param').channel };
    return answer(world, c, {
      where: { service: 'channel', channel: input.channel, operation: 'init' },
      work: async (refuseFor) => {
        const row = (await initTrade(world, db, input, refuseFor)) ?? contradiction(`Trade ${input.tradeNo}`);
        kickAutopay(world, row);
        return initView(row, c);
      },
      late: { operation: 'initTrade', key: `trade ${input.channel} ${input.tradeNo}`, input },
      early: async () => messagesOf(await endTrade(db, input.tradeNo, input.channel, 'paid')),
      forgery: () => forgedTrade(world, input),
    });
  });
  router.openapi(routes.query, async (c) => {
    const { channel, tradeNo } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'channel', channel, operation: 'query' },
      asksFor: `trade ${channel} ${tradeNo}`,
      work: async () => {
        const row = await findTrade(db, channel, tradeNo);
        return row === null ? NONE : tradeView(row, c);
      },
    });
  });
  router.openapi(routes.close, async (c) => {
    const { channel, tradeNo } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'channel', channel, operation: 'close' },
      work: async (refuseFor) => {
        if (refuseFor === null) return tradeView(await closeTrade(world, channel, tradeNo), c);
        const row = await findTrade(db, channel, tradeNo);
        return row === null ? NONE : { ...tradeView(row, c), reason: refuseFor };
      },
    });
  });
  router.openapi(routes.refund, async (c) => {
    const input = { ...c.req.valid('json'), channel: c.req.valid('param').channel };
    let unsent: readonly Message[] = [];
    return answer(world, c, {
      where: { service: 'channel', channel: input.channel, operation: 'refund' },
      work: async (refuseFor) => {
        const made =
          (await db.tx((tx) => refundTrade(world, tx, input, refuseFor))) ?? contradiction(`Refund ${input.refundNo}`);
        if (knobs.faultless) world.callbacks.send(made.messages);
        else unsent = made.messages;
        if (made.row.state === 'processing') world.autopilot.kick('refund', knobs.settings.refundDelayMs);
        return refundView(made.row);
      },
      late: { operation: 'refundTrade', key: `refund ${input.channel} ${input.refundNo}`, input },
      early: async () => {
        const early = unsent;
        unsent = [];
        return early;
      },
      forgery: () => forgedRefund(world, input),
    }).finally(() => world.callbacks.send(unsent));
  });
  router.openapi(routes.refundQuery, async (c) => {
    const { channel, refundNo } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'channel', channel, operation: 'refundQuery' },
      asksFor: `refund ${channel} ${refundNo}`,
      work: async () => {
        const row = await findRefund(db, channel, refundNo);
        return row === null ? NONE : refundView(row);
      },
    });
  });
  return router;
}

const messagesOf = (ended: { readonly message: Message } | null): readonly Message[] =>
  ended === null ? [] : [ended.message];

/** To a request that comes after the close, the tombstone is a clear no. */
function initView(row: TradeRow, c: AppContext): TradeAnswer {
  return row.tombstone
    ? { ...tradeView(row, c), state: 'refused', reason: 'it was closed before this request arrived' }
    : tradeView(row, c);
}

function forgedTrade(world: World, input: TradeInput): Forgery {
  const { channel, tradeNo, merchantId, amount, currency, notifyUrl } = input;
  const transactionId = `txn_forged_${world.random.int(1e9)}`;
  const occurredAt = world.clock.now().toISOString();
  const body = {
    type: 'trade.paid',
    source: channel,
    merchantId,
    tradeNo,
    transactionId,
    amount,
    currency,
    occurredAt,
  };
  return { source: channel, subject: tradeNo, url: notifyUrl, body: JSON.stringify(body) };
}

function forgedRefund(world: World, input: RefundInput): Forgery {
  const { channel, notifyUrl, ...rest } = input;
  const channelRefundId = `crf_forged_${world.random.int(1e9)}`;
  const occurredAt = world.clock.now().toISOString();
  const body = { type: 'refund.done', source: channel, ...rest, channelRefundId, occurredAt };
  return { source: channel, subject: input.refundNo, url: notifyUrl, body: JSON.stringify(body) };
}
