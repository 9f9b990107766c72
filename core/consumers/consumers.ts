import { consume, type RunningConsumer, takeOverFrom } from '../bus/bus.ts';
import type { Consumer } from '../bus/consume.ts';
import type { BusEvent } from '../bus/event.ts';
import type { CoreContext } from '../context.ts';
import type { Tx } from '../kernel/db/database.ts';
import { newId } from '../kernel/ids.ts';
import type { Metrics } from '../kernel/metrics.ts';
import { loadRegistry } from '../kernel/registry.ts';

/** Who listens to the OrderBus in the core. One file each in `list/`, named by its id. */
export interface ConsumerDeclaration {
  /** The file's name, the cursor's name, the `consumer` label of the metrics. */
  readonly id: string;
  /** What it does, for the person who looks at its lag. */
  readonly title: string;
  readonly titleZh: string;
  /** The machines whose events it hears. */
  readonly machines: readonly string[];
  /** The most events at once, 1..1000. */
  readonly batch: number;
  /**
   * Takes events in commit order, at least once each: after a replay they come again, so it must be idempotent. What it
   * writes goes through `tx`, together with the cursor. Throwing undoes the batch; see `Consumer`.
   */
  handle(events: readonly BusEvent[], tx: Tx, context: CoreContext): Promise<void>;
}

export function defineConsumer(declaration: ConsumerDeclaration): ConsumerDeclaration {
  return declaration;
}

const FOLDER = new URL('./list/', import.meta.url);

/** Every consumer of this release. Throws when a file does not export the consumer that its name says. */
export function loadConsumers(): Promise<ReadonlyMap<string, ConsumerDeclaration>> {
  return loadRegistry<ConsumerDeclaration>(FOLDER);
}

/** A declared consumer as the bus drives it. */
export function consumerOf(context: CoreContext, declaration: ConsumerDeclaration): Consumer {
  return {
    name: declaration.id,
    batch: declaration.batch,
    machines: declaration.machines,
    handle: (events, tx) => declaration.handle(events, tx, context),
  };
}

/**
 * Every consumer at work in this process. Any number of replicas may run them; the bus's lease gives each of them one
 * reader. Disposing it finishes what is under way and gives the leases back.
 */
export class RunningConsumers implements AsyncDisposable {
  readonly #running: readonly RunningConsumer[];

  private constructor(running: readonly RunningConsumer[]) {
    this.#running = running;
  }

  /** Loads and starts them. `replica` names this process among its replicas, in each of its lives. */
  static async start(context: CoreContext, metrics: Metrics, replica: string): Promise<RunningConsumers> {
    const { db, clock, log } = context;
    const [declared] = await Promise.all([loadConsumers(), takeOverFrom(context, `core:${replica}/`)]);
    // Two replicas that carry one name by mistake are still two readers.
    const holder = `core:${replica}/${newId('c', clock, context.random)}`;
    const options = { db, clock, log, metrics, holder };
    return new RunningConsumers([...declared.values()].map((one) => consume(options, consumerOf(context, one))));
  }

  /** Something was committed in this process. */
  kick(): void {
    for (const consumer of this.#running) consumer.kick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((consumer) => consumer[Symbol.asyncDispose]()));
  }
}
