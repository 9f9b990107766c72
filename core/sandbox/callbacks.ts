import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { type Clock, monotonicMs } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import type { Outside } from '../kernel/http/outside.ts';
import type { Logger } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import { type Copies, drawFate, type Fate } from './callbacks.faults.ts';
import {
  claimMessages,
  forgetMessages,
  holdBack,
  LEASE_MS,
  type Message,
  queueLie,
  queueOldNews,
  rewrite,
  sendAgain,
} from './callbacks.store.ts';
import type { Knobs } from './knobs.ts';
import { Ticker } from './ticker.ts';

interface Deps {
  readonly db: Database;
  readonly outside: Outside;
  readonly knobs: Knobs;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The secret that both sides were given; each source signs with one derived from it. */
  readonly master: string;
}

const SEND_TIMEOUT_MS = 3_000;
/** More at once would only queue up at the receiver. */
const MAX_SENDING = 64;
/** Beyond it a message waits in the database, where its lease runs out. */
const MAX_WAITING = 2_000;
/** A message that waited longer for its turn may be in another's hands when it is sent: it is left to the claim. */
const MAX_WAIT_MS = LEASE_MS - SEND_TIMEOUT_MS - 2_000;

const FIRST_PAUSE_MS = 250;
/** Short for ten minutes, so that a receiver that comes back is told at once; then patient. */
const PAUSE_CAP_MS = 10_000;
const PATIENT_AFTER_TRIES = 60;
const PATIENT_PAUSE_MS = 300_000;

/**
 * Sends what the services have to say until its receiver takes it (2xx): at least once, each time under the same webhook
 * id and newly signed. The rows are the queue; a message is sent straight from the memory of whoever committed it, and
 * claimed from its row only when that process died or the receiver did not take it.
 */
export class Callbacks implements AsyncDisposable {
  readonly #deps: Deps;
  readonly #webhooks = new Map<string, Webhook>();
  readonly #waiting: { readonly message: Message; readonly sinceMs: number }[] = [];
  readonly #sending = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #claims: Ticker;
  readonly #taken: Ticker;
  #takenIds: string[] = [];

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#claims = new Ticker('callbacks', deps.log, () => this.#claim());
    this.#taken = new Ticker('callbacks taken', deps.log, () => this.#forget());
  }

  /** Sends messages that the caller has just committed with their lease. */
  send(messages: readonly Message[]): void {
    const sinceMs = monotonicMs();
    for (const message of messages) {
      if (this.#stop.signal.aborted || this.#waiting.length >= MAX_WAITING) return;
      this.#waiting.push({ message, sinceMs });
    }
    this.#pump();
  }

  /** Sends and waits for the end of this one try: for messages that overtake the answer they belong to. */
  async sendNow(messages: readonly Message[]): Promise<void> {
    await Promise.allSettled(messages.map((message) => this.#sendOne({ ...message, drawn: true })));
  }

  /** Queues and sends a message that a fault made up. */
  async lie(lie: Parameters<typeof queueLie>[1]): Promise<void> {
    this.send(await queueLie(this.#deps.db, lie));
  }

  #pump(): void {
    while (this.#sending.size < MAX_SENDING) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (monotonicMs() - next.sinceMs > MAX_WAIT_MS) continue;
      const task: Promise<void> = this.#sendOne(next.message)
        .catch((error: unknown) =>
          this.#deps.log.warn({ err: error, callback: next.message.id }, 'a callback is left to its lease'),
        )
        .finally(() => {
          this.#sending.delete(task);
          this.#pump();
        });
      this.#sending.add(task);
    }
  }

  async #claim(): Promise<boolean> {
    const room = MAX_SENDING - this.#sending.size - this.#waiting.length;
    if (room <= 0) return false;
    const messages = await claimMessages(this.#deps.db, room);
    this.send(messages);
    return messages.length === room;
  }

  async #forget(): Promise<boolean> {
    const ids = this.#takenIds;
    if (ids.length === 0) return false;
    this.#takenIds = [];
    await forgetMessages(this.#deps.db, ids);
    return false;
  }

  async #sendOne(message: Message): Promise<void> {
    const { db, knobs, random } = this.#deps;
    const fate: Fate =
      knobs.faultless || message.forged
        ? { kind: 'send', message, copies: 'one', answerLost: false }
        : await drawFate(knobs, random, message);
    switch (fate.kind) {
      case 'held':
        await holdBack(db, message.id, fate.ms);
        this.#claims.kick(fate.ms);
        return;
      case 'unsent':
        return this.#notTaken(message, fate.reason);
      case 'send': {
        if (fate.message.body !== message.body) await rewrite(db, message.id, fate.message.body);
        if (fate.oldNews !== undefined) await queueOldNews(db, message, fate.oldNews.body, fate.oldNews.inMs);
        const answer = await this.#post(fate.message, fate.copies);
        if (answer !== TAKEN) return this.#notTaken(fate.message, answer);
        if (fate.answerLost) return this.#notTaken(fate.message, 'its answer was lost');
        this.#takenIds.push(message.id);
        this.#taken.kick();
      }
    }
  }

  async #notTaken(message: Message, answer: string): Promise<void> {
    if (message.once) return forgetMessages(this.#deps.db, [message.id]);
    const capMs = message.tries < PATIENT_AFTER_TRIES ? PAUSE_CAP_MS : PATIENT_PAUSE_MS;
    const ceilingMs = Math.min(capMs, FIRST_PAUSE_MS * 2 ** Math.min(message.tries, 20));
    const pauseMs = Math.round(ceilingMs / 2 + (ceilingMs / 2) * this.#deps.random.next());
    await sendAgain(this.#deps.db, message.id, answer, pauseMs);
    this.#claims.kick(pauseMs);
  }

  /** `TAKEN`, or what its receiver said instead. Of two copies, one that is taken is enough. */
  async #post(message: Message, copies: Copies): Promise<string> {
    if (copies === 'one') return this.#postOnce(message);
    const first = this.#postOnce(message);
    if (copies === 'one after the other') await first;
    const answers = await Promise.all([first, this.#postOnce(message)]);
    return answers.find((answer) => answer === TAKEN) ?? answers[0];
  }

  async #postOnce(message: Message): Promise<string> {
    const at = this.#deps.clock.now();
    const outcome = await this.#deps.outside.call({
      url: message.url,
      method: 'POST',
      text: message.body,
      headers: {
        'webhook-id': message.id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': this.#webhook(message).sign(message.id, at, message.body),
      },
      timeoutMs: SEND_TIMEOUT_MS,
      target: 'callback',
      signal: this.#stop.signal,
    });
    if (outcome.kind === 'unknown') return `${outcome.reason}: ${outcome.detail}`;
    return outcome.status < 300 ? TAKEN : `status ${outcome.status}`;
  }

  /** Each source signs with a secret of its own, so that one channel cannot speak for another. */
  #webhook({ source, forged }: Message): Webhook {
    const key = forged ? FORGER : source;
    let webhook = this.#webhooks.get(key);
    if (webhook === undefined) {
      const master = forged ? FORGER : this.#deps.master;
      webhook = new Webhook(`whsec_${createHmac('sha256', master).update(source).digest('base64')}`);
      this.#webhooks.set(key, webhook);
    }
    return webhook;
  }

  /** Gives up what is being sent: the rows bring it back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#waiting.length = 0;
    await this.#claims[Symbol.asyncDispose]();
    while (this.#sending.size > 0) await Promise.allSettled(this.#sending);
    await this.#taken[Symbol.asyncDispose]();
    await this.#forget();
  }
}

const TAKEN = 'taken';
/** Somebody who does not know our secret. */
const FORGER = 'whsec_the-secret-of-somebody-else';
