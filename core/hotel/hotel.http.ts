import { z } from 'zod';
import type { Answer } from '../kernel/answer.ts';
import { ask, type Reach } from '../kernel/http/ask.ts';
import type { HotelPort, RoomView } from './hotel.port.ts';

const view = z.object({
  lockId: z.string().max(500).optional(),
  state: z.enum(['none', 'locked', 'refused', 'released']),
  confirmation: z.string().max(500).optional(),
  reason: z.string().max(500).optional(),
});

/** The outside hotel over HTTP. No call is repeated underneath; see `http-channel.ts`. */
export function httpHotel({ baseUrl, outside, timeoutMs }: Reach): HotelPort {
  const base = `${baseUrl}/hotel/locks`;
  const about = async (
    lockId: string,
    call: { method: 'GET' | 'POST'; path: string; body?: object; signal: AbortSignal },
  ): Promise<Answer<RoomView>> => {
    const { path, ...rest } = call;
    const answer = await ask(outside, { ...rest, url: base + path, timeoutMs, target: 'hotel' }, view, { lockId });
    return answer.kind === 'ok' ? { ...answer, value: { ...answer.value, lockId } } : answer;
  };
  return {
    lock: (room, signal) => about(room.lockId, { method: 'POST', path: '', body: room, signal }),
    query: (id, signal) => about(id, { method: 'GET', path: `/${encodeURIComponent(id)}`, signal }),
    release: (id, signal) => about(id, { method: 'POST', path: `/${encodeURIComponent(id)}/release`, signal }),
  };
}
