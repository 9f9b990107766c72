import { ApiError, Unreachable } from './client.ts';
import { SettingsError } from './settings.ts';

/** What went wrong, and what a person can do about it now. */
export interface Trouble {
  readonly what: string;
  /** The same for a line that may have no room for it; absent where `what` says the reason first. */
  readonly brief?: string;
  /** Null where nothing but trying again helps. */
  readonly next: string | null;
}

/** Null: not foreseen, so that its stack is worth more than our words. */
export function explain(error: unknown): Trouble | null {
  if (error instanceof SettingsError) return { what: error.message, next: null };
  if (error instanceof Unreachable) {
    return {
      what: error.message,
      brief: `no answer: ${error.reason}`,
      next: 'Is the system running (npm start), and is this its address?',
    };
  }
  if (!(error instanceof ApiError)) return null;
  const trace = error.traceId === null ? '' : ` (trace ${error.traceId})`;
  switch (error.status) {
    case 401:
      return {
        what: `the token is refused: ${error.message}`,
        next: 'Take one that is valid: set TIDEGATE_TOKEN, or let npm start renew tokens.json in its data folder.',
      };
    case 403:
      return { what: `${error.title}: ${error.message}`, next: 'Ask with a token of the role that is named.' };
    default:
      return { what: `${error.title}: ${error.message}${trace}`, next: null };
  }
}

/** The same in one piece, for a line of text. */
export function told({ what, next }: Trouble): string {
  return next === null ? what : `${what.replace(/\.$/, '')}. ${next}`;
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
