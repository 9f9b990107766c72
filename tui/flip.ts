import { type Propagation, type SwitchView, switchFlipped } from '../control/api/contract.ts';
import { ApiError, type Client } from './client.ts';
import { explain, told } from './explain.ts';
import { stragglersOf, type Tone } from './words.ts';

/** What became of a flip, as far as it is known. */
export type FlipOutcome =
  | { readonly kind: 'flipping'; readonly key: string }
  /** The person said No: by another word than `word`, or by Esc (null). */
  | { readonly kind: 'declined'; readonly key: string; readonly word: string | null }
  | { readonly kind: 'flipped'; readonly now: SwitchView; readonly propagation: Propagation }
  | { readonly kind: 'refused'; readonly key: string; readonly why: string }
  /** No answer: it may have happened. */
  | { readonly kind: 'unknown'; readonly key: string; readonly why: string };

/** Control waits so long for acknowledgements before it answers; the screens follow what is still missing then. */
const WAIT_MS = 1_000;
const TIMEOUT_MS = 15_000;

/** Sends flips, and knows which have no answer yet: whoever leaves meanwhile has to be told. */
export class Flipper {
  readonly #client: Client;
  readonly #pending = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The keys of the flips under way. */
  get pending(): readonly string[] {
    return [...this.#pending];
  }

  /** Turns `target` to the other side, provided that it is still as it was shown. */
  async flip(target: SwitchView, reason: string): Promise<FlipOutcome> {
    const { key, on, version } = target;
    this.#pending.add(key);
    try {
      const { switch: now, propagation } = await this.#client.call(
        switchFlipped,
        `/v1/switches/${encodeURIComponent(key)}?waitMs=${WAIT_MS}`,
        { method: 'PUT', body: { on: !on, reason }, headers: { 'if-match': `"${version}"` }, timeoutMs: TIMEOUT_MS },
      );
      return { kind: 'flipped', now, propagation };
    } catch (error) {
      // A server's own fault is no answer: it may have failed after the change.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        return { kind: 'refused', key, why: told(explain(error) ?? { what: error.message, next: null }) };
      }
      return { kind: 'unknown', key, why: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#pending.delete(key);
    }
  }
}

export interface Toast {
  readonly tone: Tone;
  readonly text: string;
  /** Goes away by itself after a while; the others stay until Esc. */
  readonly passing: boolean;
}

/**
 * The outcome in words, with how far the change has come by the newest word of control. "Done" is said once every
 * instance enforces it, and until then who does not is named.
 */
export function toastOf(outcome: FlipOutcome, newest: Propagation | undefined): Toast {
  switch (outcome.kind) {
    case 'flipping':
      return { tone: 'plain', text: `… flipping ${outcome.key}`, passing: false };
    case 'declined': {
      const why = outcome.word === null ? 'it was cancelled' : `the answer was not the word ${outcome.word}`;
      return { tone: 'plain', text: `– Nothing was changed: ${outcome.key} is not flipped, ${why}`, passing: true };
    }
    case 'refused':
      return { tone: 'bad', text: `✘ ${outcome.key} is not flipped: ${outcome.why}`, passing: false };
    case 'unknown':
      return {
        tone: 'unsure',
        text: `? not known whether ${outcome.key} was flipped: ${outcome.why}. Look at the switch before you try again.`,
        passing: false,
      };
    case 'flipped': {
      const { now, propagation } = outcome;
      const { revision } = propagation;
      const p = newest !== undefined && newest.revision >= revision ? newest : propagation;
      const what = `${now.key} is ${now.on ? 'on' : 'OFF'} by revision ${revision}: enforced by ${p.applied}/${p.total}`;
      if (p.total === 0) return { tone: 'unsure', text: `! ${what}: no instance is known`, passing: false };
      if (p.applied === p.total) return { tone: 'good', text: `✔ ${what}${delayOf(p)}`, passing: true };
      return { tone: 'unsure', text: `! ${what}, not by ${stragglersOf(p)}`, passing: false };
    }
  }
}

function delayOf({ maxMs }: Propagation): string {
  return maxMs === null ? '' : ` after ${Math.round(maxMs)} ms`;
}
