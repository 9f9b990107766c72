import type { ChangeMessage, PositionMessage, SetMessage } from '../../core/guard/protocol.ts';
import { applyChange, hashRules, type RuleSet } from '../../core/guard/rules.ts';
import { every, monotonicMs } from '../../core/kernel/clock.ts';
import type { Database } from '../../core/kernel/db/database.ts';
import { listen } from '../../core/kernel/db/listen.ts';
import { encodeEvent } from '../../core/kernel/http/events.ts';
import type { Logger } from '../../core/kernel/log.ts';
import { REVISION_CHANNEL } from './publish.ts';
import { historyOf, type Revision, readHead, readPosition, revisionsAfter } from './revisions.store.ts';

/** Takes one frame of the stream; `false` when it can take no more, and is forgotten. */
export type FrameSink = (frame: Uint8Array) => boolean;

/** One who follows; `over` settles when there is nothing that this replica may say any more. */
export interface Follower extends Disposable {
  readonly over: Promise<void>;
}

/** The floor under LISTEN: a notice can be lost, a poll cannot. */
const POLL_MS = 1_000;
/** Data planes count three missed ones as a dead line. */
const POSITION_MS = 2_000;
/** So long a replica may not have seen the database and still let its followers wait for it. */
const BLIND_MS = 5_000;
/** Further behind than this, one full set is less to send than the changes. */
const MAX_CHANGES = 64;

/**
 * The newest rule set, in memory, and everybody who follows it on this replica. Frames are encoded once, however many
 * read them.
 *
 * It says that a set is the newest only after it has looked. With the database away from this replica the last set stays,
 * but it vouches for nothing, and after 5 s it ends its streams: another replica may see what this one does not.
 */
export class RuleFeed implements AsyncDisposable {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #sinks = new Map<FrameSink, () => void>();
  readonly #stop = new AbortController();
  readonly #history: string;
  #head: RuleSet;
  #frame: Uint8Array;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #failing = false;
  /** When the last look at the database began that showed the head to be the newest; monotonic ms. */
  #lookedMs: number;
  #vouchedMs = 0;
  #listening: Promise<void> = Promise.resolve();

  private constructor(db: Database, log: Logger, history: string, head: RuleSet, lookedMs: number) {
    this.#db = db;
    this.#log = log;
    this.#history = history;
    this.#head = head;
    this.#frame = setFrame(head);
    this.#lookedMs = lookedMs;
  }

  /** Reads the newest rule set and begins to follow it. */
  static async open(db: Database, log: Logger): Promise<RuleFeed> {
    const history = await historyOf(db);
    const startedMs = monotonicMs();
    const feed = new RuleFeed(db, log, history, await readSet(db, history), startedMs);
    const { signal } = feed.#stop;
    feed.#listening = listen(db, REVISION_CHANNEL, () => void feed.refresh(), { log, signal });
    every(POLL_MS, signal, () => feed.#poll());
    every(POSITION_MS, signal, async () => feed.#vouch());
    return feed;
  }

  get head(): RuleSet {
    return this.#head;
  }

  get followers(): number {
    return this.#sinks.size;
  }

  /** Whether this replica has not seen the database for so long that it does not know what is in force. */
  get blind(): boolean {
    return monotonicMs() - this.#lookedMs > BLIND_MS;
  }

  /** Sends the full set at once, then every change, and every 2 s that what was sent is the newest. */
  follow(sink: FrameSink): Follower {
    const over = Promise.withResolvers<void>();
    if (this.blind) over.resolve();
    else if (sink(this.#frame)) this.#sinks.set(sink, over.resolve);
    return { over: over.promise, [Symbol.dispose]: () => void this.#sinks.delete(sink) };
  }

  /** Catches up with the database. Never rejects; calls that come while one runs share the next. */
  async refresh(): Promise<void> {
    this.#again = true;
    this.#refreshing ??= this.#run().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #poll(): Promise<void> {
    if (this.#refreshing !== undefined) return;
    const startedMs = monotonicMs();
    try {
      const { epoch, revision } = await readPosition(this.#db, this.#history);
      if (epoch !== this.#head.epoch || revision !== this.#head.revision) await this.refresh();
      else this.#looked(startedMs);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false;
      const startedMs = monotonicMs();
      try {
        await this.#advance();
        this.#looked(startedMs);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  async #advance(): Promise<void> {
    const position = await readPosition(this.#db, this.#history);
    if (position.epoch !== this.#head.epoch || position.revision < this.#head.revision) return this.#restart();
    const revisions = await revisionsAfter(this.#db, this.#head.revision, MAX_CHANGES);
    if (revisions.length === MAX_CHANGES) return this.#restart();
    for (const revision of revisions) {
      const next = stepped(this.#head, revision);
      if (next === undefined) return this.#restart();
      const frame = changeFrame(this.#head, revision);
      this.#replace(next);
      this.#send(frame);
    }
  }

  /** Takes the newest set as it stands, and gives everybody the whole of it. */
  async #restart(): Promise<void> {
    this.#replace(await readSet(this.#db, this.#history));
    this.#log.info({ epoch: this.#head.epoch, revision: this.#head.revision }, 'rule set read anew');
    this.#send(this.#frame);
  }

  #replace(head: RuleSet): void {
    this.#head = head;
    this.#frame = setFrame(head);
  }

  #send(frame: Uint8Array): void {
    for (const sink of this.#sinks.keys()) if (!sink(frame)) this.#sinks.delete(sink);
  }

  /** Whoever is told nothing for long asks elsewhere, so a line on which nothing can be said is ended. */
  #vouch(): void {
    if (this.#lookedMs > this.#vouchedMs) {
      this.#vouchedMs = this.#lookedMs;
      this.#send(positionFrame(this.#head));
    }
    if (!this.blind || this.#sinks.size === 0) return;
    this.#log.warn({ followers: this.#sinks.size }, 'the database was not seen for 5 s: the rule streams are ended');
    for (const end of this.#sinks.values()) end();
    this.#sinks.clear();
  }

  #failed(error: unknown): void {
    if (!this.#failing) this.#log.warn({ err: error }, 'cannot look for new revisions; the last rule set stays');
    this.#failing = true;
  }

  #looked(startedMs: number): void {
    this.#lookedMs = Math.max(this.#lookedMs, startedMs);
    if (this.#failing) this.#log.info('looking for new revisions again');
    this.#failing = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#sinks.clear();
    await this.#refreshing;
    await this.#listening;
  }
}

async function readSet(db: Database, history: string): Promise<RuleSet> {
  // Its own history first: a set that comes from a newer one then is read again at the next poll.
  const { epoch } = await readPosition(db, history);
  return { epoch, ...(await readHead(db)) };
}

/** The head one revision further; `undefined` when the revision does not lead to the hash it was published with. */
function stepped(head: RuleSet, { number, hash, diff }: Revision): RuleSet | undefined {
  const changed = diff.changed.map(({ kind, key, after }) => ({ kind, key, body: after }));
  const rules = applyChange(head.rules, changed, diff.removed);
  if (number !== head.revision + 1 || hashRules(rules) !== hash) return undefined;
  return { epoch: head.epoch, revision: number, hash, rules };
}

function setFrame({ epoch, revision, hash, rules }: RuleSet): Uint8Array {
  const data: SetMessage = { epoch, revision, hash, rules: [...rules] };
  return encodeEvent({ id: String(revision), event: 'set', data });
}

function positionFrame({ epoch, revision, hash }: RuleSet): Uint8Array {
  const data: PositionMessage = { epoch, revision, hash };
  return encodeEvent({ event: 'position', data });
}

function changeFrame(head: RuleSet, { number, hash, diff }: Revision): Uint8Array {
  const data: ChangeMessage = {
    epoch: head.epoch,
    from: head.revision,
    revision: number,
    hash,
    changed: diff.changed.map(({ kind, key, after }) => ({ kind, key, body: after })),
    removed: diff.removed.map(({ kind, key }) => ({ kind, key })),
  };
  return encodeEvent({ id: String(number), event: 'change', data });
}
