import { applyChange, hashRules, type Rule, type RuleName } from '../../core/guard/rules.ts';
import type { Clock } from '../../core/kernel/clock.ts';
import type { Tx } from '../../core/kernel/db/database.ts';
import { type Actor, recordAudit } from '../audit/audit.ts';
import {
  type Head,
  insertRevision,
  type Revision,
  type RevisionDiff,
  removeRules,
  saveRules,
} from './revisions.store.ts';

/** The channel on which replicas tell each other that there is a new revision. */
export const REVISION_CHANNEL = 'tidegate_revision';

/** A change of any number of rules, as one person makes it for one reason. */
export interface Proposal {
  readonly actor: Actor;
  readonly reason: string;
  /** For the audit: `switch.flip`, and the key of what it is about. */
  readonly action: string;
  readonly subject: string;
  readonly changed: readonly Rule[];
  readonly removed?: readonly RuleName[];
}

/**
 * Makes one revision of a proposal, with its audit row and its notice to the other replicas, inside the caller's
 * transaction. `head` comes from `lockHead` in the same transaction: the lock is what keeps numbers dense and makes one
 * of two concurrent publishers see the other's work.
 */
export async function publish(tx: Tx, clock: Clock, head: Head, proposal: Proposal): Promise<Revision> {
  const { changed, removed = [] } = proposal;
  const rules = applyChange(head.rules, changed, removed);
  const draft = {
    number: head.revision + 1,
    author: proposal.actor.name,
    reason: proposal.reason,
    hash: hashRules(rules),
    diff: diffOf(head.rules, changed, removed),
  };
  const revision = await insertRevision(tx, draft, rules);
  await saveRules(tx, changed, revision);
  if (removed.length > 0) await removeRules(tx, removed);
  await recordAudit(tx, clock, {
    actor: proposal.actor,
    action: proposal.action,
    subject: proposal.subject,
    before: Object.fromEntries(revision.diff.changed.map(({ key, before }) => [key, before])),
    after: Object.fromEntries(revision.diff.changed.map(({ key, after }) => [key, after])),
    reason: proposal.reason,
    revision: revision.number,
  });
  await forgetOldAcknowledgements(tx, revision.number);
  await tx.query({ text: 'SELECT pg_notify($1, $2)', values: [REVISION_CHANNEL, String(revision.number)] });
  return revision;
}

function diffOf(before: readonly Rule[], changed: readonly Rule[], removed: readonly RuleName[]): RevisionDiff {
  const present = (name: RuleName) => before.find(({ kind, key }) => kind === name.kind && key === name.key);
  return {
    changed: changed.map(({ kind, key, body }) => ({
      kind,
      key,
      before: present({ kind, key })?.body ?? null,
      after: body,
    })),
    removed: removed.flatMap(({ kind, key }) => {
      const rule = present({ kind, key });
      return rule === undefined ? [] : [{ kind, key, before: rule.body }];
    }),
  };
}

/** Acknowledgements grow by one per instance and revision; the last thousand revisions are enough to look back on. */
const KEPT_REVISIONS = 1_000;

async function forgetOldAcknowledgements(tx: Tx, newest: number): Promise<void> {
  await tx.query({
    text: 'DELETE FROM control.acknowledgement WHERE revision <= $1',
    values: [newest - KEPT_REVISIONS],
  });
}
