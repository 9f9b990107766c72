import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { TypedResponse } from 'hono';
import { sleep } from '../kernel/clock.ts';
import { RefusalError, refuse } from '../kernel/errors.ts';
import { type AppContext, signalOf } from '../kernel/http/context.ts';
import type { Message } from './callbacks.store.ts';
import type { FaultKind, Where } from './faults.ts';
import type { ParkedRequest } from './parked.ts';
import type { DeductionAnswer, RefundAnswer, ReturnAnswer, RoomAnswer, ShipmentAnswer, TradeAnswer } from './wire.ts';
import type { World } from './world.ts';

/** What a service says of the thing it was asked about. `none`: it has no record (404). */
export type Answered = TradeAnswer | RefundAnswer | DeductionAnswer | ShipmentAnswer | ReturnAnswer | RoomAnswer;

/** A lie that somebody without the secret would tell once this request is known. */
export type Forgery = Pick<Message, 'source' | 'subject' | 'url' | 'body'>;

/** One request from outside, as the faults see it. */
export interface Ask<V extends Answered> {
  readonly where: Where;
  /** The work itself, committed when it resolves. `refuseFor`: say no, and keep it. */
  readonly work: (refuseFor: string | null) => Promise<V>;
  /** For queries: what is asked for. */
  readonly asksFor?: string;
  /** How the request is carried out later when it is held back. */
  readonly late?: ParkedRequest;
  /** Brings the matter to its end at once; its messages overtake the answer. */
  readonly early?: () => Promise<readonly Message[]>;
  readonly forgery?: () => Forgery;
}

/** The type is that of the good answer: a route declares no other but problems. */
type Reply<V> = Response & TypedResponse<V, 200, 'json'>;

const REFUSED = 'refused by a fault of the sandbox';

/** Answers one request. Without faults that is its work and nothing else. */
export async function answer<V extends Answered>(world: World, c: AppContext, ask: Ask<V>): Promise<Reply<V>> {
  const { knobs, parkingLot } = world;
  if (knobs.faultless && parkingLot.empty) return send(c, await ask.work(null));
  const hits = async (kind: FaultKind): Promise<boolean> => (await knobs.strike(kind, ask.where)) !== null;

  const delayMs = await knobs.strike('delay', ask.where);
  if (delayMs !== null) await sleep(delayMs, signalOf(c));
  if (await hits('outage')) return world.random.int(2) === 0 ? hangUp(c) : down();
  if (await hits('request_lost')) return hangUp(c);
  if (ask.late !== undefined) {
    const latestInMs = await knobs.strike('delayed_past_next_query', ask.where);
    if (latestInMs !== null) {
      await parkingLot.park(ask.late, latestInMs);
      return hangUp(c);
    }
  }
  const view = await ask.work((await hits('refused')) ? REFUSED : null);
  await spread(world, ask, hits);
  const shown = await distort(ask, view, hits);
  if (ask.asksFor !== undefined) arriveAfterAnswer(world, c, ask.asksFor);
  return (await hits('reply_lost')) ? hangUp(c) : send(c, shown);
}

/** The messages that overtake the answer: true ones that are early, and forged ones. */
async function spread<V extends Answered>(
  world: World,
  ask: Ask<V>,
  hits: (kind: FaultKind) => Promise<boolean>,
): Promise<void> {
  if (ask.forgery !== undefined && (await hits('forged_callback'))) {
    await world.callbacks.lie({ ...ask.forgery(), forged: true });
  }
  if (ask.early !== undefined && (await hits('early_callback'))) await world.callbacks.sendNow(await ask.early());
}

async function distort<V extends Answered>(
  ask: Ask<V>,
  view: V,
  hits: (kind: FaultKind) => Promise<boolean>,
): Promise<Answered> {
  if (ask.asksFor !== undefined && view.state !== 'none' && (await hits('not_found_then_found'))) {
    return { state: 'none' };
  }
  if ('amount' in view && view.amount !== undefined && (await hits('wrong_amount')))
    return { ...view, amount: view.amount + 1 };
  return view;
}

/** What was held back comes in when the answer to this query is out, never before. */
function arriveAfterAnswer(world: World, c: AppContext, key: string): void {
  if (world.parkingLot.empty) return;
  // 'close' follows an answer as well as a connection that died.
  c.env.outgoing?.once('close', () => {
    void world.parkingLot.answered(key).catch((error: unknown) => {
      c.get('app').log.warn({ err: error, key }, 'a held-back request waits for its time');
    });
  });
}

function send<V>(c: AppContext, shown: Answered): Reply<V> {
  return c.json(shown, shown.state === 'none' ? 404 : 200) as unknown as Reply<V>;
}

/** The connection dies without a word, as when the network or the process does. */
function hangUp<V>(c: AppContext): Reply<V> {
  c.env.incoming?.socket.destroy();
  return RESPONSE_ALREADY_SENT as Reply<V>;
}

function down(): never {
  throw new RefusalError(refuse('unavailable', 'A fault of the sandbox: the service is down.'));
}

/** The key is known for something else: no word about that, and none about this. */
export function contradiction(what: string): never {
  throw new RefusalError(
    refuse('idempotency_key_reused', `${what} is known with another content; the first one stands.`),
  );
}
