import type { CoreContext } from '../context.ts';
import type { Principal } from '../kernel/access/principal.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { logOperation } from '../operations/operation-log.ts';
import {
  decideRebuild,
  insertRebuild,
  type LimitedAccount,
  lockLimited,
  lockRebuild,
  type Rebuild,
  setBalance,
  sumOfEntries,
} from './rebuild.store.ts';

/** Who asks: four eyes compare names, and the names of who issued their tokens. */
export type Person = Pick<Principal, 'name' | 'issuedBy'>;

/**
 * Proposes to rebuild a drifted balance from the journal (the journal is right). Nothing is changed yet: another person
 * approves it. Asking again while it is open shows the same proposal.
 *
 * Refuses: `account_unknown`; `wrong_state` where the account does not store a balance, or stores the right one.
 */
export function proposeRebuild(
  context: CoreContext,
  person: Person,
  wish: { readonly accountId: string; readonly reason: string },
): Promise<Result<Rebuild>> {
  return commit(context, async (tx) => {
    const { accountId, reason } = wish;
    const account = await lockLimited(tx, accountId);
    if (account === null) return refuse('account_unknown', `There is no account ${accountId} that stores its balance.`);
    const journal = await sumOfEntries(tx, accountId);
    if (isRight(account, journal)) return refuse('wrong_state', `${accountId} stores what the journal says.`);
    const now = context.clock.now();
    const id = newId('rbd', context.clock, context.random);
    const made = await insertRebuild(tx, {
      id,
      account,
      journal,
      reason,
      proposedBy: person.name,
      proposerIssuer: person.issuedBy,
      now,
    });
    if (made.id === id) await note(context, tx, person, accountId, 'rebuild.proposed', null, made);
    return { ok: true, value: made };
  });
}

export interface RebuildDecision {
  readonly id: string;
  readonly decision: 'applied' | 'rejected';
  readonly reason: string;
}

/**
 * Applies a proposed rebuild, or rejects it. Applying sets balance and sequence to what the journal says, behind the account's
 * lock. Deciding again in the same way is a success that changes nothing.
 *
 * Refuses: `rebuild_unknown`; `second_person_needed` to who proposed it, and where one issued the other's token;
 * `wrong_state` where it was decided otherwise, or the account or the journal has moved since it was proposed;
 * `balance_too_low` where the journal itself is below the account's floor.
 */
export function decide(context: CoreContext, person: Person, wish: RebuildDecision): Promise<Result<Rebuild>> {
  return commit(context, async (tx) => {
    const open = await lockRebuild(tx, wish.id);
    if (open === null) return refuse('rebuild_unknown', `No rebuild ${wish.id} was proposed.`);
    if (open.decision === wish.decision) return { ok: true, value: open };
    if (open.decision !== null) return refuse('wrong_state', `${open.decidedBy} has ${open.decision} it already.`);
    if (wish.decision === 'applied') {
      const refusal = samePerson(person, open) ?? (await apply(tx, open));
      if (refusal !== null) return refusal;
    }
    const decided = await decideRebuild(tx, wish.id, wish.decision, person.name, context.clock.now());
    await note(context, tx, person, open.accountId, `rebuild.${wish.decision}`, open, { ...decided, why: wish.reason });
    return { ok: true, value: decided };
  });
}

function samePerson(person: Person, { proposedBy, proposerIssuer }: Rebuild) {
  if (person.name !== proposedBy && person.issuedBy !== proposedBy && person.name !== proposerIssuer) return null;
  return refuse(
    'second_person_needed',
    `${proposedBy} proposed it: somebody else must approve, and neither may have issued the other's token.`,
  );
}

async function apply(tx: Tx, { accountId, ...proposed }: Rebuild) {
  const account = await lockLimited(tx, accountId);
  if (account === null) throw new Error(`broken invariant: the account ${accountId} is gone`);
  const journal = await sumOfEntries(tx, accountId);
  const moved =
    account.balance !== proposed.storedBalance ||
    account.sequence !== proposed.storedSequence ||
    journal.balance !== proposed.journalBalance ||
    journal.sequence !== proposed.journalSequence;
  if (moved) {
    return refuse('wrong_state', `${accountId} has moved since it was proposed: reject this one and propose anew.`);
  }
  if (journal.balance < account.floor) {
    return refuse('balance_too_low', `The journal leaves ${journal.balance} on ${accountId}, below ${account.floor}.`);
  }
  await setBalance(tx, accountId, journal);
  return null;
}

function isRight(account: LimitedAccount, journal: { balance: number; sequence: number }): boolean {
  return account.balance === journal.balance && account.sequence === journal.sequence;
}

function commit<T>(context: CoreContext, work: (tx: Tx) => Promise<Result<T>>): Promise<Result<T>> {
  return catchRefusal(() =>
    context.db.tx(async (tx) => {
      const done = await work(tx);
      if (!done.ok) throw new RefusalError(done);
      return done.value;
    }),
  );
}

function note(
  context: CoreContext,
  tx: Tx,
  { name: actor }: Person,
  entityId: string,
  operation: string,
  before: unknown,
  after: unknown,
): Promise<void> {
  return logOperation(tx, { actor, entityType: 'account', entityId, operation, before, after }, context.clock.now());
}
