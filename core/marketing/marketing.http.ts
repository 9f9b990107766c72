import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import { ask, type Reach } from '../kernel/http/ask.ts';
import type { DeductionKey, DeductionView, MarketingPort } from './marketing.port.ts';

const view = z.object({
  attemptId: z.string().max(500).optional(),
  kind: z.string().max(500).optional(),
  resource: z.string().max(500).optional(),
  state: z.enum(['none', 'deducted', 'refused', 'rolled_back']),
  reason: z.string().max(500).optional(),
});

/** The outside marketing service over HTTP. No call is repeated underneath; see `http-channel.ts`. */
export function httpMarketing({ baseUrl, outside, timeoutMs }: Reach): MarketingPort {
  const url = `${baseUrl}/marketing/deductions`;
  const call = { timeoutMs, target: 'marketing' } as const;
  const post = (path: string, key: DeductionKey, body: object, signal: AbortSignal): Promise<Answer<DeductionView>> =>
    ask(outside, { ...call, method: 'POST', url: url + path, body, signal }, view, named(key));
  return {
    async deduct(request, signal) {
      const { userId, amount, currency } = request;
      const body = { ...named(request), userId: String(userId), amount, currency };
      const answer = await post('', request, body, signal);
      if (answer.kind !== 'ok') return answer;
      const { state, reason } = answer.value;
      // Rolled back before it came, it will never be deducted: as clear a no as `refused`.
      if (state !== 'refused' && state !== 'rolled_back') return answer;
      return { kind: 'refused', reason: reason ?? `marketing says ${state}`, evidence: answer.value };
    },
    query: (key, signal) =>
      ask(outside, { ...call, url: `${url}?${new URLSearchParams(named(key)).toString()}`, signal }, view, named(key)),
    rollback: (key, signal) => post('/rollback', key, named(key), signal),
  };
}

function named({ attemptId, kind, resource }: DeductionKey): { attemptId: string; kind: string; resource: string } {
  return { attemptId, kind, resource };
}
