import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { type Clock, sleep } from '../kernel/clock.ts';
import type { Sql } from '../kernel/db/database.ts';
import type { Outside } from '../kernel/http/outside.ts';
import { newId } from '../kernel/ids.ts';
import type { Random } from '../kernel/random.ts';
import type { Faults, Service } from './faults.ts';
import { addJob, type Job, type JobOutcome } from './jobs.ts';

/** One message to the core, as it lies in the job row until it is taken. */
export interface Callback {
  readonly service: Service;
  readonly source: string;
  readonly url: string;
  readonly eventId: string;
  readonly body: unknown;
  /** A copy whose signature is wrong on purpose. */
  readonly forged?: boolean;
}

interface Deps {
  readonly outside: Outside;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
  /** The secret that both sides were given; each source signs with one derived from it. */
  readonly master: string;
}

const MAX_TRIES = 40;

export class Callbacks {
  readonly #deps: Deps;
  readonly #webhooks = new Map<string, Webhook>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Adds the callback (and what faults make of it) to the caller's transaction. The first job may run at once. */
  async add(sql: Sql, callback: Omit<Callback, 'eventId'>): Promise<Job | null> {
    const { faults, clock, random } = this.#deps;
    const message: Callback = { ...callback, eventId: newId('evt', clock, random) };
    const where = { service: callback.service, channel: callback.source, operation: 'callback' };
    const now = clock.now();
    if (faults.strike('duplicate_callback', where, now) !== null)
      await addJob(sql, 'callback', message, 20 + random.int(200));
    if (faults.strike('forged_callback', where, now) !== null) {
      await addJob(sql, 'callback', { ...message, eventId: newId('evt', clock, random), forged: true }, 1);
    }
    const heldBack = faults.strike('reordered_callback', where, now);
    if (heldBack !== null) {
      await addJob(sql, 'callback', message, Math.max(1, heldBack));
      return null;
    }
    return addJob(sql, 'callback', message);
  }

  /** Sends one callback. 2xx: taken. A clear no (4xx) is tried a few times more, silence until it is taken. */
  async send(payload: unknown, job: Job, signal: AbortSignal): Promise<JobOutcome> {
    const callback = payload as Callback;
    const { outside, faults, clock, random } = this.#deps;
    const delay = faults.strike(
      'delay',
      { service: callback.service, channel: callback.source, operation: 'callback' },
      clock.now(),
    );
    if (delay !== null) await sleep(delay, signal);
    if (signal.aborted) return { kind: 'again', ms: 0 };
    const text = JSON.stringify(callback.body);
    const outcome = await outside.call({
      url: callback.url,
      method: 'POST',
      text,
      headers: this.#sign(callback, text),
      timeoutMs: 10_000,
      target: 'core',
      signal,
    });
    if (outcome.kind === 'answer' && outcome.status < 300) return { kind: 'done' };
    const said = outcome.kind === 'answer' ? `status ${outcome.status}` : outcome.reason;
    const patience = outcome.kind === 'answer' && outcome.status < 500 ? 3 : MAX_TRIES;
    if (callback.forged === true || job.tries + 1 >= patience) return { kind: 'given_up', reason: said };
    return { kind: 'again', ms: Math.min(5_000, 200 * 2 ** Math.min(job.tries, 6)) + random.int(200) };
  }

  #sign(callback: Callback, text: string): Record<string, string> {
    const at = this.#deps.clock.now();
    const signature =
      callback.forged === true ? 'v1,Zm9yZ2Vk' : this.#webhook(callback.source).sign(callback.eventId, at, text);
    return {
      'webhook-id': callback.eventId,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    };
  }

  #webhook(source: string): Webhook {
    let webhook = this.#webhooks.get(source);
    if (webhook === undefined) {
      webhook = new Webhook(`whsec_${createHmac('sha256', this.#deps.master).update(source).digest('base64')}`);
      this.#webhooks.set(source, webhook);
    }
    return webhook;
  }
}
