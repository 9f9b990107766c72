import { createHash } from 'node:crypto';
import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import { DatabaseUnavailable } from '../kernel/db/failures.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { MachineRow } from '../kernel/machine.ts';
import { callbackMachine } from '../payments/payments.machine.ts';
import { type Applied, lookAt } from './apply.ts';
import { type CallbackKind, MESSAGES } from './messages.ts';
import type { Signatures, SignedHeaders } from './signatures.ts';

export interface CallbackRow extends MachineRow {
  readonly source: string;
  readonly event_id: string;
  readonly kind: CallbackKind;
  readonly digest: string;
  readonly body: unknown;
  readonly reason: string | null;
}

export interface Incoming {
  readonly kind: CallbackKind;
  readonly text: string;
  readonly body: unknown;
  readonly headers: SignedHeaders;
}

export interface Received {
  /** `applied`: what it says is so now. `duplicate`: it was so before. `stored`: kept, applied within seconds. */
  readonly status: 'applied' | 'duplicate' | 'stored';
}

/**
 * Takes a message from outside: verified first, then stored once under its source and event id, and applied in the same
 * commit. What cannot be applied now is stored and applied by a repair.
 *
 * Refusals: `callback_forged` (signature, age, unknown source), `callback_invalid` (signed but not in the contract),
 * `callback_rejected` (contradicts what we know, such as another amount: nothing moved, a finding is made),
 * `callback_conflict` (a known event id with another body: a finding is made).
 */
export async function receive(
  context: CoreContext,
  signatures: Signatures,
  incoming: Incoming,
): Promise<Result<Received>> {
  const source = sourceOf(incoming.body);
  const forged = signatures.whyForged(source, incoming.text, incoming.headers);
  if (forged !== null) return refuse('callback_forged', `The callback is not believed: ${forged}.`);
  const eventId = incoming.headers['webhook-id'];
  const parsed = MESSAGES[incoming.kind].safeParse(incoming.body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const detail = `${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'does not fit'}`;
    await noteConflict(context.db, context, {
      source,
      eventId,
      reason: `signed, but not in the contract: ${detail}`,
      body: incoming.body,
    });
    return refuse('callback_invalid', `The ${incoming.kind} callback does not fit the contract at ${detail}.`);
  }
  const message = { ...incoming, source, eventId, digest: digestOf(incoming.text) };
  try {
    return await storeAndApply(context, message);
  } catch (error) {
    if (isTwin(error)) {
      const twin = await findCallback(context.db, source, eventId);
      if (twin !== null) return answerKnown(context, twin, message);
    }
    if (error instanceof DatabaseUnavailable) throw error;
    context.log.warn({ err: error, source, eventId }, 'a callback could not be applied at once; it is stored');
    await store(context.db, context, message, null);
    return ok({ status: 'stored' });
  }
}

interface Message extends Incoming {
  readonly source: string;
  readonly eventId: string;
  readonly digest: string;
}

async function storeAndApply(context: CoreContext, message: Message): Promise<Result<Received>> {
  const { kind, body, source, eventId } = message;
  const taken = await context.db.tx(async (tx): Promise<Applied | CallbackRow> => {
    // Asked for together. The look-up comes second, because looking at a payment waits for its lock, and with that for
    // the same message if it is just being applied.
    const [rule, known] = await Promise.all([
      lookAt(context, tx, kind, body, eventId),
      findCallback(tx, source, eventId),
    ]);
    if (known !== null) return known;
    const { outcome, carryOut } = await rule();
    await Promise.all([
      store(tx, context, message, outcome),
      outcome.kind === 'rejected' ? noteConflict(tx, context, { ...message, reason: outcome.reason }) : undefined,
      carryOut(),
    ]);
    return outcome;
  });
  if ('digest' in taken) return answerKnown(context, taken, message);
  if (taken.kind === 'applied') return ok({ status: 'applied' });
  return refuse('callback_rejected', `The callback moved nothing: ${taken.reason}.`);
}

/** The row is unique by source and event id: the second of two deliveries at once fails here and takes nothing along. */
async function store(sql: Sql, context: CoreContext, message: Message, outcome: Applied | null): Promise<void> {
  await context.mover.create(sql, callbackMachine, {
    id: newId('cb', context.clock, context.random),
    ...(outcome === null ? {} : { onward: [outcome.kind === 'applied' ? 'APPLIED' : 'REJECTED'] as const }),
    columns: {
      source: message.source,
      event_id: message.eventId,
      kind: message.kind,
      digest: message.digest,
      body: JSON.stringify(message.body),
      reason: outcome?.kind === 'rejected' ? outcome.reason : null,
      received_at: context.clock.now(),
    },
    actor: message.source,
    reason: outcome?.kind === 'rejected' ? outcome.reason : 'received',
    scope: outcome?.kind === 'applied' ? outcome.scope : null,
  });
}

async function answerKnown(context: CoreContext, known: CallbackRow, message: Message): Promise<Result<Received>> {
  if (known.digest !== message.digest) {
    const reason = `event ${message.eventId} of ${message.source} came before with another body`;
    await noteConflict(context.db, context, { ...message, reason });
    return refuse('callback_conflict', `${reason}. The first one stands.`);
  }
  if (known.state === 'REJECTED') {
    return refuse('callback_rejected', `The callback moved nothing: ${known.reason ?? 'it was rejected'}.`);
  }
  if (known.state === 'STORED') {
    context.background.kick('callback', (signal) => claimAndDrive(callbackDriver, context, known.id, signal));
  }
  return ok({ status: 'duplicate' });
}

/** Applies a stored callback that could not be applied when it came. */
export const callbackDriver: Driver<CallbackRow, CoreContext> = {
  machine: callbackMachine,
  scope: () => null,
  async step(context, row): Promise<Step<CallbackRow>> {
    if (row.state !== 'STORED') return { kind: 'rest' };
    try {
      await context.db.tx(async (tx) => {
        const rule = await lookAt(context, tx, row.kind, row.body, row.event_id);
        const { outcome, carryOut } = await rule();
        await carryOut();
        const rejectedFor = outcome.kind === 'rejected' ? outcome.reason : null;
        await context.mover.move(tx, callbackMachine, {
          id: row.id,
          from: 'STORED',
          to: rejectedFor === null ? 'APPLIED' : 'REJECTED',
          set: { reason: rejectedFor },
          actor: 'core',
          reason: rejectedFor ?? 'applied late',
        });
        if (rejectedFor !== null) {
          await noteConflict(tx, context, {
            source: row.source,
            eventId: row.event_id,
            reason: rejectedFor,
            body: row.body,
          });
        }
      });
      return { kind: 'moved' };
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      return {
        kind: 'unknown',
        reason: `it cannot be applied: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  },
};

async function findCallback(sql: Sql, source: string, eventId: string): Promise<CallbackRow | null> {
  const rows = await sql.query<CallbackRow>({
    name: 'callback_find',
    text: 'SELECT * FROM core.callback WHERE source = $1 AND event_id = $2',
    values: [source, eventId],
  });
  return rows[0] ?? null;
}

/** The `machine` of the event rows that tell of new evidence; their entity is the id of its row. */
export const CONFLICT_EVENTS = 'callback_conflict';

interface Conflict {
  readonly source: string;
  readonly eventId: string;
  readonly reason: string;
  readonly body: unknown;
}

/**
 * Evidence for a person: a check turns each of these rows into a finding. What is sent again is counted, not kept again;
 * new evidence is told by an event row, so that the check need not look through the old.
 */
async function noteConflict(sql: Sql, context: CoreContext, conflict: Conflict): Promise<void> {
  await sql.query({
    name: 'callback_conflict',
    text: `WITH kept AS (
        INSERT INTO core.callback_conflict AS c (source, event_id, reason, body, received_at, last_seen_at)
        VALUES ($1, $2, $3, $4::jsonb, $5, $5)
        ON CONFLICT (source, event_id, digest) DO UPDATE SET times = c.times + 1, last_seen_at = excluded.last_seen_at
        RETURNING id, times
      ) INSERT INTO core.event (type, machine, entity_id, from_state, to_state, actor, reason, at)
        SELECT 'callback.conflict', '${CONFLICT_EVENTS}', id::text, 'kept', 'kept', $1, $3, $5 FROM kept WHERE times = 1`,
    values: [conflict.source, conflict.eventId, conflict.reason, JSON.stringify(conflict.body), context.clock.now()],
  });
}

function sourceOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'source' in body && typeof body.source === 'string'
    ? body.source
    : '';
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isTwin(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === 'callback_once';
}
