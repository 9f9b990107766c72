import { join } from 'node:path';
import { type Clock, every, sleep } from '../kernel/clock.ts';
import type { Config } from '../kernel/config.ts';
import type { Logger } from '../kernel/log.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { Random } from '../kernel/random.ts';
import type { SwitchDeclaration } from './declarations.ts';
import type { Guard, GuardPass, GuardRefusal } from './guard.ts';
import { RuleHolder, type RuleSource, type Taken } from './holder.ts';
import { ControlLink } from './link.ts';
import type { ChangeMessage, InstanceReport, PositionMessage, SetMessage } from './protocol.ts';
import type { RuleSet } from './rules.ts';
import { readSnapshot, SnapshotWriter } from './snapshot.ts';

export interface GuardOptions {
  /** The process that enforces: `core`. */
  readonly process: string;
  readonly switches: readonly SwitchDeclaration[];
  /** `instanceToken` missing: no control is asked, and the snapshot or the defaults hold. */
  readonly config: Pick<Config, 'dataDir' | 'instance' | 'controlUrl' | 'instanceToken'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What the guard enforces and how sure it may be of it. */
export interface GuardStatus {
  readonly source: RuleSource;
  readonly epoch: string | null;
  readonly revision: number | null;
  readonly hash: string | null;
  /** Seconds since control last vouched for it; `null` when it never did. */
  readonly ageSeconds: number | null;
  readonly inStep: boolean;
}

export interface LiveGuard extends Guard, AsyncDisposable {
  status(): GuardStatus;
}

/** How long an acknowledgement may wait for the disk. */
const PERSIST_PATIENCE_MS = 1_000;
/** How often to look whether the disk lacks something; so a disk that refused is asked again. */
const KEEP_MS = 2_000;
/** How much older than they are a restart without control may believe its rules to be. */
const MAX_UNSAVED_MS = 60_000;

export function snapshotPath(config: Pick<Config, 'dataDir' | 'instance'>): string {
  return join(config.dataDir, 'guard', `${config.instance}.rules`);
}

/**
 * The guard of a process. Ready when it returns: it reads one file and waits for nobody. From then on it follows
 * control by itself. Disposing it signs the instance off.
 */
export async function createGuard(options: GuardOptions): Promise<LiveGuard> {
  const file = snapshotPath(options.config);
  const guard = new FollowingGuard(options, new SnapshotWriter(file));
  const read = await readSnapshot(file);
  guard.start(read.kind === 'read' ? read.snapshot : undefined);
  const { log } = options;
  if (read.kind === 'absent') log.info({ file }, 'no rule snapshot: the declared defaults hold until control speaks');
  else if (read.kind !== 'read') {
    log.error(
      { file, problem: read.kind, detail: read.detail },
      'the rule snapshot is refused: the declared defaults hold',
    );
  }
  return guard;
}

class FollowingGuard implements LiveGuard {
  readonly #options: GuardOptions;
  readonly #holder: RuleHolder;
  readonly #writer: SnapshotWriter;
  readonly #startedAt: Date;
  #link: ControlLink | undefined;
  readonly #stop = new AbortController();
  #saving: Promise<void> = Promise.resolve();
  #keeping: Promise<void> = Promise.resolve();
  #refusing = false;
  /** When control last vouched for the rules, as the snapshot has it. */
  #savedAt: Date | undefined;
  /** What reports speak of: the set in force once it is on disk, or once the disk was given its time. */
  #settled: Omit<InstanceReport, 'problem'>;

  constructor(options: GuardOptions, writer: SnapshotWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#holder = new RuleHolder(options);
    this.#startedAt = options.clock.now();
    this.#settled = this.#describe(false);
    const { metrics, config } = options;
    metrics.atScrape('rulesetRevision', (put) => put({ instance: config.instance }, this.#holder.set?.revision ?? 0));
    // Rules that control never vouched for are no younger than this process.
    metrics.atScrape('rulesetAge', (put) => put({}, this.status().ageSeconds ?? this.#secondsSince(this.#startedAt)));
  }

  start(snapshot: Parameters<RuleHolder['boot']>[0] | undefined): void {
    const { config, log, random } = this.#options;
    if (snapshot !== undefined) this.#holder.boot(snapshot);
    this.#savedAt = snapshot?.confirmedAt;
    this.#settled = this.#describe(snapshot !== undefined);
    if (config.instanceToken === undefined) {
      log.warn('TIDEGATE_INSTANCE_TOKEN is not set: no rule changes are received');
      return;
    }
    this.#link = new ControlLink(
      { url: config.controlUrl, token: config.instanceToken, random, log },
      {
        takeSet: (message: SetMessage) => this.#taken(this.#holder.takeSet(message)),
        takeChange: (message: ChangeMessage) => this.#taken(this.#holder.takeChange(message)),
        takePosition: (message: PositionMessage) => this.#holder.takePosition(message),
        report: (problem) => ({ ...this.#settled, problem }),
      },
    );
    every(KEEP_MS, this.#stop.signal, () => {
      this.#keeping = this.#keep();
      return this.#keeping;
    });
  }

  enter(entry: string): GuardPass | GuardRefusal {
    return this.#holder.evaluator.enter(entry);
  }

  isOn(key: string): boolean {
    return this.#holder.evaluator.isOn(key);
  }

  status(): GuardStatus {
    const { set, source, confirmedAt } = this.#holder;
    return {
      source,
      epoch: set?.epoch ?? null,
      revision: set?.revision ?? null,
      hash: set?.hash ?? null,
      ageSeconds: confirmedAt === undefined ? null : this.#secondsSince(confirmedAt),
      inStep: this.#link?.synced ?? false,
    };
  }

  #taken(taken: Taken): Taken {
    if (taken.kind === 'applied') this.#saving = this.#settle();
    return taken;
  }

  /**
   * The rules are in force already. They are acknowledged once a restart without control would find them too; a disk
   * that takes longer, or fails, is said in the report instead of holding it back.
   */
  async #settle(): Promise<void> {
    const { set } = this.#holder;
    if (set === undefined) return;
    const done = new AbortController();
    const saved = this.#save(set);
    const late = sleep(PERSIST_PATIENCE_MS, done.signal).then(() => false);
    const persisted = await Promise.race([saved, late]);
    done.abort();
    if (this.#holder.set !== set) return;
    this.#settled = this.#describe(persisted);
    this.#link?.acknowledge();
    if (!persisted && (await saved)) this.#onDisk(set);
  }

  /**
   * What the disk did not take is tried until it does: a restart must not bring back what a flip has ended. And while
   * control vouches for the rules, the snapshot says so once a minute: after a restart their age must be right.
   */
  async #keep(): Promise<void> {
    const { set, source, confirmedAt } = this.#holder;
    if (set === undefined || source !== 'control') return;
    const unsavedMs = (confirmedAt?.getTime() ?? 0) - (this.#savedAt?.getTime() ?? 0);
    if (this.#settled.persisted && unsavedMs < MAX_UNSAVED_MS) return;
    if (await this.#save(set)) this.#onDisk(set);
  }

  #onDisk(set: RuleSet): void {
    if (this.#holder.set !== set || this.#settled.persisted) return;
    this.#settled = this.#describe(true);
    this.#link?.acknowledge();
  }

  /** Whether it is on disk now. A disk that refuses is one line in the log, however often it is tried. */
  async #save(set: RuleSet): Promise<boolean> {
    const { clock, log } = this.#options;
    const confirmedAt = this.#holder.confirmedAt ?? clock.now();
    try {
      await this.#writer.save({ set, confirmedAt });
    } catch (error) {
      const said = 'the rule snapshot could not be written: a restart would not find it; trying again';
      if (!this.#refusing) log.error({ err: error }, said);
      this.#refusing = true;
      return false;
    }
    this.#savedAt = confirmedAt;
    if (this.#refusing) log.info({ revision: set.revision }, 'the rule snapshot is on disk');
    this.#refusing = false;
    return true;
  }

  #describe(persisted: boolean): Omit<InstanceReport, 'problem'> {
    const { set, source, appliedAt } = this.#holder;
    return {
      process: this.#options.process,
      startedAt: this.#startedAt.toISOString(),
      source,
      epoch: set?.epoch ?? null,
      revision: set?.revision ?? null,
      hash: set?.hash ?? null,
      appliedAt: appliedAt?.toISOString() ?? null,
      persisted,
    };
  }

  #secondsSince(at: Date): number {
    return Math.max(0, (this.#options.clock.now().getTime() - at.getTime()) / 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#link?.[Symbol.asyncDispose]();
    await Promise.all([this.#saving, this.#keeping]);
  }
}
