import { RefusalError, refuse } from '../errors.ts';
import type { RequestScope } from './scope.ts';

/** What the app and the server that carries it tell each other while they run and stop. */
export class Lifecycle {
  readonly #draining = new AbortController();
  readonly #inFlight = new Set<RequestScope>();

  /** Fires when the process begins to stop: streams end, `/readyz` says no, connections are not kept. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  enter(scope: RequestScope): void {
    this.#inFlight.add(scope);
  }

  leave(scope: RequestScope): void {
    this.#inFlight.delete(scope);
  }

  drain(): void {
    this.#draining.abort(new Error('the process is stopping'));
  }

  /** Gives up on what has not finished in time. */
  abortAll(): void {
    const refusal = refuse(
      'shutting_down',
      'The process stopped before this was done; it may still have taken effect.',
    );
    for (const scope of this.#inFlight) scope.abort(new RefusalError(refusal));
  }
}
