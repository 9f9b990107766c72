import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import type { Outside, OutsideOutcome } from '../kernel/http/outside.ts';
import type { InitRefund, InitTrade, PaymentChannel, RefundView, TradeView } from './channel.port.ts';

/** How a channel that speaks the sandbox's protocol is reached. A channel of its own protocol is a file beside this one. */
export interface HttpChannelOptions {
  readonly id: string;
  readonly merchantId: string;
  readonly baseUrl: string;
  /** Where the channel sends its callbacks: the core's address. */
  readonly notifyBase: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}

const optionalText = z.string().max(500).optional();

const tradeView = z.object({
  tradeNo: z.string().optional(),
  state: z.enum(['none', 'open', 'paid', 'failed', 'cancelled', 'closed', 'refused']),
  transactionId: optionalText,
  amount: z.int().optional(),
  currency: z.string().optional(),
  reason: optionalText,
  channelTradeId: optionalText,
  payUrl: optionalText,
});

const refundView = z.object({
  refundNo: z.string().optional(),
  state: z.enum(['none', 'processing', 'done', 'failed']),
  channelRefundId: optionalText,
  amount: z.int().optional(),
  reason: optionalText,
});

export function httpChannel(options: HttpChannelOptions): PaymentChannel {
  const base = `${options.baseUrl}/channels/${encodeURIComponent(options.id)}`;
  const call = (
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
    key: string,
    body?: unknown,
  ): Promise<OutsideOutcome> =>
    options.outside.call({
      url: `${base}${path}`,
      method,
      ...(body === undefined ? {} : { body }),
      idempotencyKey: key,
      timeoutMs: options.timeoutMs,
      signal,
      target: 'channel',
    });
  const trade = async (tradeNo: string, outcome: Promise<OutsideOutcome>): Promise<Answer<TradeView>> =>
    understand(await outcome, tradeView, (view) => drop({ ...view, tradeNo }));
  const refund = async (refundNo: string, outcome: Promise<OutsideOutcome>): Promise<Answer<RefundView>> =>
    understand(await outcome, refundView, (view) => drop({ ...view, refundNo }));
  return {
    id: options.id,
    merchantId: options.merchantId,
    init: (t: InitTrade, signal) =>
      trade(
        t.tradeNo,
        call('POST', '/trades', signal, t.tradeNo, {
          tradeNo: t.tradeNo,
          merchantId: options.merchantId,
          amount: t.amount,
          currency: t.currency,
          description: t.description,
          notifyUrl: `${options.notifyBase}/v1/callbacks/payment`,
        }),
      ),
    query: (tradeNo, signal) => trade(tradeNo, call('GET', `/trades/${encodeURIComponent(tradeNo)}`, signal, tradeNo)),
    close: (tradeNo, signal) =>
      trade(tradeNo, call('POST', `/trades/${encodeURIComponent(tradeNo)}/close`, signal, tradeNo)),
    refund: (r: InitRefund, signal) =>
      refund(
        r.refundNo,
        call('POST', '/refunds', signal, r.refundNo, {
          ...r,
          merchantId: options.merchantId,
          notifyUrl: `${options.notifyBase}/v1/callbacks/refund`,
        }),
      ),
    queryRefund: (refundNo, signal) =>
      refund(refundNo, call('GET', `/refunds/${encodeURIComponent(refundNo)}`, signal, refundNo)),
  };
}

/**
 * Turns what came back into an answer. A body that fits the contract is the other side's word, whatever its status: a
 * query's 404 says `none`. A refusal to even read our request (another 4xx) is no word about the trade, so it is unknown.
 */
export function understand<View extends { state: string }, T>(
  outcome: OutsideOutcome,
  schema: z.ZodType<View>,
  map: (view: View) => T,
): Answer<T> {
  if (outcome.kind === 'unknown') return { kind: 'unknown', reason: `${outcome.reason}: ${outcome.detail}` };
  if (outcome.status !== 200 && outcome.status !== 404) {
    return { kind: 'unknown', reason: `status ${outcome.status}`, evidence: outcome.body };
  }
  const parsed = schema.safeParse(outcome.body);
  if (!parsed.success) return { kind: 'unknown', reason: 'an answer outside the contract', evidence: outcome.body };
  if (outcome.status === 404 && parsed.data.state !== 'none') {
    return { kind: 'unknown', reason: 'status 404 with a state', evidence: outcome.body };
  }
  return { kind: 'ok', value: map(parsed.data), evidence: outcome.body };
}

/** Leaves out members that are undefined, which an optional member must not be. */
export function drop<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
