import type { Random } from '../kernel/random.ts';
import type { Message } from './callbacks.store.ts';
import type { Where } from './faults.ts';
import type { Knobs } from './knobs.ts';

export type Copies = 'one' | 'at once' | 'one after the other';

/** What the faults make of one sending of a message. */
export type Fate =
  | { readonly kind: 'held'; readonly ms: number }
  /** It never left. */
  | { readonly kind: 'unsent'; readonly reason: string }
  | {
      readonly kind: 'send';
      /** With another body than before: a lie from now on, sent once. */
      readonly message: Message;
      readonly copies: Copies;
      /** It arrives, and its sender never learns. */
      readonly answerLost: boolean;
      /** What was true before this message is sent after it. */
      readonly oldNews?: { readonly body: string; readonly inMs: number };
    };

/** Draws the faults of one sending. What holds a message back or falsifies it is drawn at its first sending only. */
export async function drawFate(knobs: Knobs, random: Random, original: Message): Promise<Fate> {
  const where = whereOf(original);
  const fresh = !original.drawn && original.tries === 0;
  let message = original;
  let oldNews: { body: string; inMs: number } | undefined;
  if (fresh) {
    const delay = await knobs.strike('delay', where);
    const reordered = await knobs.strike('reordered_callback', where);
    const before = reordered === null ? null : newsBefore(original);
    if (reordered !== null && before !== null) oldNews = { body: before, inMs: reordered };
    const heldMs = (delay ?? 0) + (before === null ? (reordered ?? 0) : 0);
    if (heldMs > 0) return { kind: 'held', ms: heldMs };
    message = await falsified(knobs, where, original);
  }
  if ((await knobs.strike('outage', where)) !== null) return { kind: 'unsent', reason: 'a fault: outage' };
  if ((await knobs.strike('request_lost', where)) !== null) return { kind: 'unsent', reason: 'a fault: lost' };
  const twice = (await knobs.strike('duplicate_callback', where)) !== null;
  return {
    kind: 'send',
    message,
    copies: !twice ? 'one' : random.int(2) === 0 ? 'at once' : 'one after the other',
    answerLost: (await knobs.strike('reply_lost', where)) !== null,
    ...(oldNews === undefined ? {} : { oldNews }),
  };
}

function whereOf(message: Message): Where {
  return message.source === 'fulfilment'
    ? { service: 'fulfilment', operation: 'callback' }
    : { service: 'channel', channel: message.source, operation: 'callback' };
}

async function falsified(knobs: Knobs, where: Where, message: Message): Promise<Message> {
  const body = JSON.parse(message.body) as { amount?: unknown };
  if (typeof body.amount !== 'number' || (await knobs.strike('wrong_amount', where)) === null) return message;
  return { ...message, once: true, body: JSON.stringify({ ...body, amount: body.amount + 1 }) };
}

/** A delivered parcel was under way before. Trades and refunds have one message each: there is no older one. */
function newsBefore(message: Message): string | null {
  const { type, codes: _codes, ...rest } = JSON.parse(message.body) as { type: string; codes?: unknown };
  return type === 'shipment.delivered' ? JSON.stringify({ type: 'shipment.processing', ...rest }) : null;
}
