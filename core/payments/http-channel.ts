import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import { ask, type Reach } from '../kernel/http/ask.ts';
import type { InitRefund, InitTrade, PaymentChannel, RefundView, TradeView } from './channel.port.ts';

/** How a channel that speaks the sandbox's protocol is reached. A channel of its own protocol is a file beside this one. */
export interface HttpChannelOptions extends Reach {
  readonly id: string;
  readonly merchantId: string;
  /** Where the channel sends its callbacks: the core's address. */
  readonly notifyBase: string;
}

const text = z.string().max(500).optional();
const amount = z.int().nonnegative().optional();

/** Members that we do not know are let through: the other side is another company's system. */
const tradeView = z.object({
  tradeNo: z.string().max(500),
  state: z.enum(['open', 'paid', 'failed', 'cancelled', 'closed', 'refused']),
  transactionId: text,
  amount,
  currency: text,
  reason: text,
  channelTradeId: text,
  payUrl: z.string().max(2_000).optional(),
});

const refundView = z.object({
  refundNo: z.string().max(500),
  state: z.enum(['processing', 'done', 'failed']),
  channelRefundId: text,
  amount,
  reason: text,
});

const none = z.object({ state: z.literal('none') });

/**
 * No call is repeated underneath: a POST whose connection died may have been carried out, and it is the driver that
 * decides, by the row's state, whether to ask, to send again under the same number, or to close.
 */
export function httpChannel(options: HttpChannelOptions): PaymentChannel {
  const { outside, timeoutMs } = options;
  const base = `${options.baseUrl}/channels/${encodeURIComponent(options.id)}`;
  const target = `channel:${options.id}`;
  const trade = async (
    tradeNo: string,
    call: { method: 'GET' | 'POST'; path: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<TradeView>> => {
    const { path, ...rest } = call;
    const answer = await ask(outside, { ...rest, url: base + path, timeoutMs, target }, z.union([tradeView, none]), {
      tradeNo,
    });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, tradeNo } } : answer;
  };
  const refund = async (
    refundNo: string,
    call: { method: 'GET' | 'POST'; path: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<RefundView>> => {
    const { path, ...rest } = call;
    const answer = await ask(outside, { ...rest, url: base + path, timeoutMs, target }, z.union([refundView, none]), {
      refundNo,
    });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, refundNo } } : answer;
  };
  return {
    id: options.id,
    merchantId: options.merchantId,
    async init(t: InitTrade, signal) {
      const body = {
        tradeNo: t.tradeNo,
        merchantId: options.merchantId,
        amount: t.amount,
        currency: t.currency,
        description: t.description,
        notifyUrl: `${options.notifyBase}/v1/callbacks/payment`,
      };
      return refusing(await trade(t.tradeNo, { method: 'POST', path: '/trades', body, signal }));
    },
    query: (tradeNo, signal) =>
      trade(tradeNo, { method: 'GET', path: `/trades/${encodeURIComponent(tradeNo)}`, signal }),
    close: (tradeNo, signal) =>
      trade(tradeNo, { method: 'POST', path: `/trades/${encodeURIComponent(tradeNo)}/close`, signal }),
    refund(r: InitRefund, signal) {
      const body = {
        refundNo: r.refundNo,
        tradeNo: r.tradeNo,
        merchantId: options.merchantId,
        amount: r.amount,
        currency: r.currency,
        notifyUrl: `${options.notifyBase}/v1/callbacks/refund`,
      };
      return refund(r.refundNo, { method: 'POST', path: '/refunds', body, signal });
    },
    queryRefund: (refundNo, signal) =>
      refund(refundNo, { method: 'GET', path: `/refunds/${encodeURIComponent(refundNo)}`, signal }),
  };
}

/** The state `refused` in the answer to an init is the channel's explicit no. */
function refusing(answer: Answer<TradeView>): Answer<TradeView> {
  if (answer.kind !== 'ok' || answer.value.state !== 'refused') return answer;
  return { kind: 'refused', reason: answer.value.reason ?? 'the channel refused', evidence: answer.value };
}
