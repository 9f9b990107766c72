import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import { ask, type Reach } from '../kernel/http/ask.ts';
import type { FulfilmentPort, ParcelView } from './fulfilment.port.ts';

const text = z.string().max(500).optional();

const view = z.object({
  shipmentId: text,
  state: z.enum(['none', 'accepted', 'processing', 'failed', 'delivered', 'cancelled']),
  carrier: text,
  trackingNo: text,
  codes: z.array(z.string().max(500)).max(10_000).optional(),
  reason: text,
});

/** The outside fulfilment service over HTTP. No call is repeated underneath; see `http-channel.ts`. */
export function httpFulfilment(options: Reach & { readonly notifyBase: string }): FulfilmentPort {
  const { baseUrl, notifyBase, outside, timeoutMs } = options;
  const base = `${baseUrl}/fulfilment/shipments`;
  const about = async (
    shipmentId: string,
    call: { method: 'GET' | 'POST'; path: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<ParcelView>> => {
    const { path, ...rest } = call;
    const target = 'fulfilment';
    const answer = await ask(outside, { ...rest, url: base + path, timeoutMs, target }, view, { shipmentId });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, shipmentId } } : answer;
  };
  return {
    init(parcel, signal) {
      const notifyUrl = `${notifyBase}/v1/callbacks/fulfilment`;
      return about(parcel.shipmentId, { method: 'POST', path: '', body: { ...parcel, notifyUrl }, signal });
    },
    query: (id, signal) => about(id, { method: 'GET', path: `/${encodeURIComponent(id)}`, signal }),
    cancel: (id, signal) => about(id, { method: 'POST', path: `/${encodeURIComponent(id)}/cancel`, signal }),
  };
}
