import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The headers of Standard Webhooks; the id is the event's id. */
export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Each source signs with a secret of its own, derived from the one that both sides were given, so that one channel
 * cannot speak for another.
 */
export function secretOf(master: string, source: string): string {
  return `whsec_${createHmac('sha256', master).update(source).digest('base64')}`;
}

/**
 * Verifies Standard Webhooks signatures: constant time, and within 5 minutes of the timestamp, so that a recorded
 * message cannot be played again later (and within them its event id is known).
 */
export class Signatures {
  readonly #webhooks: ReadonlyMap<string, Webhook>;

  constructor(master: string, sources: readonly string[]) {
    this.#webhooks = new Map(sources.map((source) => [source, new Webhook(secretOf(master, source))]));
  }

  /** Why the message is not to be believed, or null. */
  whyForged(source: string, text: string, headers: SignedHeaders): string | null {
    const webhook = this.#webhooks.get(source);
    if (webhook === undefined) return `no source "${source.slice(0, 50)}" is known`;
    try {
      webhook.verify(text, { ...headers });
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
