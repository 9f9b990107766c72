import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import type { Outside, OutsideOutcome } from '../kernel/http/outside.ts';
import { drop, understand } from '../payments/http-channel.ts';
import type { FulfilmentPort, ParcelView } from './fulfilment.port.ts';

const optional = z.string().max(500).optional();

const view = z.object({
  shipmentId: optional,
  state: z.enum(['none', 'accepted', 'processing', 'failed', 'delivered', 'cancelled']),
  carrier: optional,
  trackingNo: optional,
  codes: z.array(z.string().max(500)).max(10_000).optional(),
  reason: optional,
});

/** The outside fulfilment service over HTTP. */
export function httpFulfilment(options: {
  readonly baseUrl: string;
  readonly notifyBase: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}): FulfilmentPort {
  const base = `${options.baseUrl}/fulfilment/shipments`;
  const read = async (shipmentId: string, outcome: Promise<OutsideOutcome>): Promise<Answer<ParcelView>> =>
    understand(await outcome, view, (v) => drop({ ...v, shipmentId }));
  const common = (signal: AbortSignal, key: string) =>
    ({ timeoutMs: options.timeoutMs, signal, target: 'fulfilment', idempotencyKey: key }) as const;
  const at = (shipmentId: string): string => `${base}/${encodeURIComponent(shipmentId)}`;
  return {
    init: (parcel, signal) =>
      read(
        parcel.shipmentId,
        options.outside.call({
          ...common(signal, parcel.shipmentId),
          url: base,
          method: 'POST',
          body: { ...parcel, notifyUrl: `${options.notifyBase}/v1/callbacks/fulfilment` },
        }),
      ),
    query: (id, signal) => read(id, options.outside.call({ ...common(signal, id), url: at(id) })),
    cancel: (id, signal) =>
      read(id, options.outside.call({ ...common(signal, id), url: `${at(id)}/cancel`, method: 'POST' })),
  };
}
