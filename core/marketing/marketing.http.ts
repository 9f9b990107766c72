import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import type { Outside, OutsideOutcome } from '../kernel/http/outside.ts';
import { drop, understand } from '../payments/http-channel.ts';
import type { DeductionView, MarketingPort } from './marketing.port.ts';

const view = z.object({
  state: z.enum(['none', 'deducted', 'refused', 'rolled_back']),
  reason: z.string().max(500).optional(),
});

/** The outside marketing service over HTTP. */
export function httpMarketing(options: {
  readonly baseUrl: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}): MarketingPort {
  const url = `${options.baseUrl}/marketing/deductions`;
  const read = async (outcome: Promise<OutsideOutcome>): Promise<Answer<DeductionView>> =>
    understand(await outcome, view, drop);
  const common = (signal: AbortSignal, key: string) =>
    ({ timeoutMs: options.timeoutMs, signal, target: 'marketing', idempotencyKey: key }) as const;
  return {
    deduct: (d, signal) =>
      read(
        options.outside.call({
          ...common(signal, `${d.attemptId}:${d.resource}`),
          url,
          method: 'POST',
          body: { ...d, userId: String(d.userId) },
        }),
      ),
    query: (key, signal) =>
      read(
        options.outside.call({
          ...common(signal, key.attemptId),
          url: `${url}?${new URLSearchParams({ ...key }).toString()}`,
        }),
      ),
    rollback: (key, signal) =>
      read(
        options.outside.call({
          ...common(signal, `${key.attemptId}:rollback`),
          url: `${url}/rollback`,
          method: 'POST',
          body: key,
        }),
      ),
  };
}
