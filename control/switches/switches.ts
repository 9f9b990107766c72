import type { SwitchDeclaration } from '../../core/guard/declarations.ts';
import { switchBody } from '../../core/guard/evaluator.ts';
import type { Rule } from '../../core/guard/rules.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';
import { catchRefusal, must, ok, RefusalError, type Result, refuse } from '../../core/kernel/errors.ts';
import type { SwitchView } from '../api/contract.ts';
import { type Actor, CONTROL } from '../audit/audit.ts';
import type { ControlContext } from '../context.ts';
import { publish } from '../revisions/publish.ts';
import { lockHead, type RuleRow, readRules } from '../revisions/revisions.store.ts';
import { digestOf, findWrite, keepWrite } from '../revisions/write-keys.ts';

const KIND = 'switch';

type SwitchContext = Pick<ControlContext, 'db' | 'clock' | 'switches' | 'log' | 'feed'>;

/** A flip as a person asks for it. */
export interface Flip {
  readonly key: string;
  readonly on: boolean;
  readonly reason: string;
  /** The version that the person saw. */
  readonly version: number;
  readonly actor: Actor;
  /** The same key with the same flip answers the same again. */
  readonly idempotencyKey: string | undefined;
}

/** What a flip came to: the switch after it, and the revision that enforces it. */
export interface Flipped {
  readonly view: SwitchView;
  readonly revision: number;
}

/**
 * Gives every switch that this release declares a rule, in one revision, so that what is in force is always a published
 * set. What is there already stays as people left it; rules of switches that no release declares any more stay, too.
 */
export async function declareSwitches({ db, clock, switches, log }: Omit<SwitchContext, 'feed'>): Promise<void> {
  await db.tx(async (tx) => {
    const head = await lockHead(tx);
    const present = new Set((await readRules(tx, KIND)).map(({ key }) => key));
    const missing = switches.filter(({ key }) => !present.has(key));
    if (missing.length === 0) return;
    const keys = missing.map(({ key }) => key);
    const changed: Rule[] = missing.map(({ key, default: on }) => ({ kind: KIND, key, body: { on } }));
    await publish(tx, clock, head, {
      actor: CONTROL,
      action: 'switch.declare',
      subject: keys.join(' '),
      reason: 'declared by this release',
      changed,
    });
    log.info({ switches: keys }, 'switches declared');
  });
}

/** Every switch of this release, by key. */
export async function listSwitches(sql: Sql, switches: readonly SwitchDeclaration[]): Promise<SwitchView[]> {
  const rules = new Map((await readRules(sql, KIND)).map((rule) => [rule.key, rule]));
  return switches.flatMap((declared) => {
    const rule = rules.get(declared.key);
    return rule === undefined ? [] : [viewOf(declared, rule)];
  });
}

/** Refuses: `switch_unknown`. */
export async function readSwitch(
  sql: Sql,
  switches: readonly SwitchDeclaration[],
  key: string,
): Promise<Result<SwitchView>> {
  const view = (await listSwitches(sql, switches)).find((candidate) => candidate.key === key);
  return view === undefined ? unknownSwitch(key, switches) : ok(view);
}

/**
 * Turns a switch: one transaction makes one revision with its audit row. A switch that stands as asked already is
 * answered as it stands, and no revision is made: the log holds changes only.
 *
 * Refuses: `switch_unknown`; `stale_revision` with the present `version` and `on`, when it was changed since it was read;
 * `idempotency_key_reused` when the key came with another flip.
 */
export async function flipSwitch(context: SwitchContext, flip: Flip): Promise<Result<Flipped>> {
  const { db, feed } = context;
  const flipped = await catchRefusal(() => db.tx((tx) => flipIn(tx, context, flip)));
  // The others hear of it by NOTIFY; this replica need not wait for that.
  if (flipped.ok) await feed.refresh();
  return flipped;
}

async function flipIn(tx: Tx, context: SwitchContext, flip: Flip): Promise<Flipped> {
  const { clock, switches } = context;
  const { key, on, reason, version, actor, idempotencyKey } = flip;
  const head = await lockHead(tx);
  const digest = digestOf({ key, on, reason, version });
  if (idempotencyKey !== undefined) {
    const kept = await findWrite<Flipped>(tx, actor.name, idempotencyKey);
    if (kept !== undefined) return replayed(kept.digest === digest, kept.answer);
  }
  const before = demand(await readSwitch(tx, switches, key));
  if (before.version !== version) {
    throw new RefusalError(
      refuse(
        'stale_revision',
        `${key} is at version ${before.version} (${before.on ? 'on' : 'off'}, by ${before.updatedBy}); you saw ${version}. Look again.`,
        { meta: { version: before.version, on: before.on } },
      ),
    );
  }
  let flipped: Flipped = { view: before, revision: before.revision };
  if (before.on !== on) {
    const change: Rule = { kind: KIND, key, body: { on } };
    const revision = await publish(tx, clock, head, {
      actor,
      reason,
      action: 'switch.flip',
      subject: key,
      changed: [change],
    });
    flipped = { view: demand(await readSwitch(tx, switches, key)), revision: revision.number };
  }
  if (idempotencyKey !== undefined) await keepWrite(tx, actor.name, idempotencyKey, { digest, answer: flipped });
  return flipped;
}

function replayed(same: boolean, answer: Flipped): Flipped {
  if (same) return answer;
  throw new RefusalError(
    refuse('idempotency_key_reused', 'This Idempotency-Key came with another flip; take a new key for a new one.'),
  );
}

function demand<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new RefusalError(result);
}

function unknownSwitch(key: string, switches: readonly SwitchDeclaration[]) {
  const known = switches.map((declared) => declared.key).join(', ');
  return refuse('switch_unknown', `No switch is called ${key.slice(0, 100)}; there are: ${known}.`);
}

function viewOf(declared: SwitchDeclaration, rule: RuleRow): SwitchView {
  const { key, effect, effectZh, kind, owner, fundLoss } = declared;
  const body = switchBody.safeParse(rule.body);
  return {
    key,
    effect,
    effectZh,
    kind,
    on: must(body.data, `the body of the switch ${key}`).on,
    default: declared.default,
    owner,
    fundLoss,
    version: rule.version,
    revision: rule.revision,
    updatedBy: rule.updatedBy,
    updatedAt: rule.updatedAt.toISOString(),
    reason: rule.reason,
  };
}
