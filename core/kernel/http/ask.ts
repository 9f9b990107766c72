import type { z } from 'zod';
import type { Answer } from '../answer.ts';
import type { Outside, OutsideCall, OutsideOutcome } from './outside.ts';

/** Leaves out the members that are undefined: an optional member must not be there then. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** How we reach the services of one party, and how long we wait for each answer. */
export interface Reach {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}

/**
 * Asks a service about one thing, and takes only its clear word for an answer: a body in the contract, about the thing
 * that was asked, with 200, or with 404 and the state `none`. A time-out, a dead connection, a 5xx, a torn or foreign
 * body, and a 4xx (it did not even read our question) say nothing about the thing: `unknown`.
 *
 * `about`: the members that name the thing. Where the answer has them they must be the same.
 */
export async function ask<View extends { readonly state: string }>(
  outside: Outside,
  call: OutsideCall,
  schema: z.ZodType<View>,
  about: Readonly<Record<string, string>>,
): Promise<Answer<Defined<View>>> {
  return understand(await outside.call(call), schema, about);
}

function understand<View extends { readonly state: string }>(
  outcome: OutsideOutcome,
  schema: z.ZodType<View>,
  about: Readonly<Record<string, string>>,
): Answer<Defined<View>> {
  if (outcome.kind === 'unknown') return { kind: 'unknown', reason: `${outcome.reason}: ${outcome.detail}` };
  const { status, body } = outcome;
  const unclear = (reason: string): Answer<Defined<View>> => ({
    kind: 'unknown',
    reason,
    evidence: { status, body: shorten(body) },
  });
  if (status !== 200 && status !== 404) return unclear(`answered ${status}`);
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return unclear(`an answer outside the contract: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  if ((status === 404) !== (parsed.data.state === 'none')) {
    return unclear(`answered ${status} with the state ${parsed.data.state}`);
  }
  for (const [name, value] of Object.entries(about)) {
    const said: unknown = Reflect.get(parsed.data, name);
    if (said !== undefined && said !== value) return unclear(`asked about ${name} ${value}, answered about another`);
  }
  return { kind: 'ok', value: defined(parsed.data), evidence: parsed.data };
}

function defined<T extends object>(value: T): Defined<T> {
  // The cast says what the filter does: no member that is left is undefined.
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}

const MAX_EVIDENCE_CHARS = 4_000;

/** Evidence is kept with the row's history: a service that answers with a book must not fill it. */
function shorten(body: unknown): unknown {
  const text = JSON.stringify(body) ?? '';
  return text.length <= MAX_EVIDENCE_CHARS ? body : `${text.slice(0, MAX_EVIDENCE_CHARS)}…`;
}
