import type { TypedResponse } from 'hono';
import { sleep } from '../kernel/clock.ts';
import { type AppContext, signalOf } from '../kernel/http/context.ts';
import type { Where } from './faults.ts';
import { addJob } from './jobs.ts';
import type { World } from './world.ts';

/** A request that a fault holds back; see `delayed_past_next_query`. */
export interface Parked {
  /** What a query must ask for to let it go. */
  readonly key: string;
  readonly operation: string;
  readonly input: unknown;
}

/** What a service answers: its state, and what belongs to it. */
export type Answered = { state: string; [member: string]: unknown };

type Reply = Response & TypedResponse<Answered, 200, 'json'>;

interface Faulty {
  readonly where: Where;
  /** The work itself, which commits before it returns. */
  readonly work: () => Promise<Answered>;
  /** What the service answers when it refuses, having written down that it did. */
  readonly refuse?: () => Promise<Answered>;
  /** How the request is done later when it is held back. */
  readonly parked?: Parked;
  /** For queries: which held-back request this lets go, and the answer that there is no record. */
  readonly asksFor?: string;
  readonly none?: Answered;
}

/** Longest time a request is held back when nobody asks for it. */
const PARKED_MS = 3_000;

/** Runs a service's work with the faults that strike it, and answers. Without faults it only runs the work. */
export async function answerWithFaults(world: World, c: AppContext, faulty: Faulty): Promise<Reply> {
  if (world.faults.none) return send(c, await faulty.work());
  const { where } = faulty;
  const now = world.clock.now();
  const strikes = (kind: Parameters<typeof world.faults.strike>[0]): boolean =>
    world.faults.strike(kind, where, now) !== null;
  const delay = world.faults.strike('delay', where, now);
  if (delay !== null) await sleep(delay, signalOf(c));
  if (strikes('outage') || strikes('request_lost')) return hangUp(c);
  if (faulty.refuse !== undefined && strikes('refused')) return send(c, await faulty.refuse());
  if (faulty.parked !== undefined && strikes('delayed_past_next_query')) {
    await addJob(world.db, 'parked', faulty.parked, PARKED_MS);
    return hangUp(c);
  }
  if (faulty.asksFor !== undefined) return answerQuery(world, c, faulty, strikes('not_found_then_found'));
  const answer = await faulty.work();
  return strikes('reply_lost') ? hangUp(c) : send(c, answer);
}

async function answerQuery(world: World, c: AppContext, faulty: Faulty, hide: boolean): Promise<Reply> {
  const answer = hide && faulty.none !== undefined ? faulty.none : await faulty.work();
  const lost = world.faults.strike('reply_lost', faulty.where, world.clock.now()) !== null;
  const response = lost ? hangUp(c) : send(c, answer);
  // The query was answered from before; only now does the held-back request get through.
  await world.db.query({
    name: 'sandbox_release_parked',
    text: `UPDATE sandbox.job SET due_at = clock_timestamp() + interval '5 milliseconds'
      WHERE kind = 'parked' AND given_up IS NULL AND payload->>'key' = $1`,
    values: [faulty.asksFor],
  });
  return response;
}

function send(c: AppContext, answer: Answered): Reply {
  // The contract of a route names its good answer only; a 404 here says `none`, in the same shape.
  return c.json(answer, answer.state === 'none' ? 404 : 200) as Reply;
}

/** The connection dies without a word, as when the network or the process does. */
function hangUp(c: AppContext): Reply {
  c.env.incoming?.socket.destroy();
  return c.json({ state: 'lost' }, 503) as unknown as Reply;
}
