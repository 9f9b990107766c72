import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import { ask, type Reach } from '../kernel/http/ask.ts';
import type { FulfilmentPort, ParcelView, ReturnView } from './fulfilment.port.ts';

const text = z.string().max(500).optional();

const view = z.object({
  shipmentId: text,
  state: z.enum(['none', 'accepted', 'processing', 'failed', 'delivered', 'cancelled']),
  carrier: text,
  trackingNo: text,
  codes: z.array(z.string().max(500)).max(10_000).optional(),
  reason: text,
});

const returnView = z.object({
  returnNo: text,
  state: z.enum(['none', 'accepted', 'processing', 'received', 'failed']),
  carrier: text,
  trackingNo: text,
  reason: text,
});

/** The outside fulfilment service over HTTP. No call is repeated underneath; see `http-channel.ts`. */
export function httpFulfilment(options: Reach & { readonly notifyBase: string }): FulfilmentPort {
  const { baseUrl, notifyBase, outside, timeoutMs } = options;
  const base = `${baseUrl}/fulfilment/shipments`;
  const returns = `${baseUrl}/fulfilment/returns`;
  const about = async (
    shipmentId: string,
    call: { method: 'GET' | 'POST'; path: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<ParcelView>> => {
    const { path, ...rest } = call;
    const target = 'fulfilment';
    const answer = await ask(outside, { ...rest, url: base + path, timeoutMs, target }, view, { shipmentId });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, shipmentId } } : answer;
  };
  const aboutReturn = async (
    returnNo: string,
    call: { method: 'GET' | 'POST'; url: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<ReturnView>> => {
    const answer = await ask(outside, { ...call, timeoutMs, target: 'fulfilment' }, returnView, { returnNo });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, returnNo } } : answer;
  };
  return {
    init(parcel, signal) {
      const notifyUrl = `${notifyBase}/v1/callbacks/fulfilment`;
      return about(parcel.shipmentId, { method: 'POST', path: '', body: { ...parcel, notifyUrl }, signal });
    },
    query: (id, signal) => about(id, { method: 'GET', path: `/${encodeURIComponent(id)}`, signal }),
    cancel: (id, signal) => about(id, { method: 'POST', path: `/${encodeURIComponent(id)}/cancel`, signal }),
    returnInit({ returnNo, orderId, lines }, signal) {
      const body = { returnNo, orderId, lines, notifyUrl: `${notifyBase}/v1/callbacks/return` };
      return aboutReturn(returnNo, { method: 'POST', url: returns, body, signal });
    },
    returnQuery: (returnNo, signal) =>
      aboutReturn(returnNo, { method: 'GET', url: `${returns}/${encodeURIComponent(returnNo)}`, signal }),
  };
}
