import { z } from 'zod';
import { MAX_RULES } from './rules.ts';

/**
 * What control and the data planes say to each other. Control imports it from here, so that there is one definition and
 * the data plane knows nothing above it. Members that are not listed are dropped, not refused: a newer control may say
 * more.
 */
const name = z.string().min(1).max(200);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const revision = z.number().int().min(0);

export const ruleMessage = z.object({ kind: name, key: name, body: z.record(z.string(), z.unknown()) });

/** `event: set`: the full rule set, sent on connect and whenever changes would not do. */
export const setMessage = z.object({
  epoch: name,
  revision,
  hash: digest,
  rules: z.array(ruleMessage).max(MAX_RULES),
});

/** `event: change`: what turns the set of revision `from` into that of `revision`, whose hash is `hash`. */
export const changeMessage = z.object({
  epoch: name,
  from: revision,
  revision,
  hash: digest,
  changed: z.array(ruleMessage).max(MAX_RULES),
  removed: z.array(z.object({ kind: name, key: name })).max(MAX_RULES),
});

/**
 * `event: position`: which set is the newest, sent after control has just looked. This alone, or a set or a change, says
 * that what an instance holds is right: a control that cannot look says nothing, and then its age shows it.
 */
export const positionMessage = z.object({ epoch: name, revision, hash: digest });

/**
 * What an instance says of itself: at once after each swap (the acknowledgement) and every `heartbeatMs` (the
 * heartbeat). They are one message, so that a lost acknowledgement is repaired by the next heartbeat. The instance's
 * name is not in it: its token says it.
 */
export const instanceReport = z.strictObject({
  process: z.string().min(1).max(40),
  /** When the process started, by its own clock: no revision can have reached it earlier. */
  startedAt: z.iso.datetime(),
  /** Where the rules in force came from. */
  source: z.enum(['defaults', 'snapshot', 'control']),
  epoch: name.nullable(),
  revision: revision.nullable(),
  hash: digest.nullable(),
  /** When the rules in force were swapped in, by the instance's clock. */
  appliedAt: z.iso.datetime().nullable(),
  /** Whether a restart without control would find these rules on disk. */
  persisted: z.boolean(),
  /** Why it could not take what control sent last. */
  problem: z.string().max(300).nullable(),
});

/** The answer to a report. */
export const reportAnswer = z.object({ heartbeatMs: z.number().int() });

export type SetMessage = z.infer<typeof setMessage>;
export type ChangeMessage = z.infer<typeof changeMessage>;
export type PositionMessage = z.infer<typeof positionMessage>;
export type InstanceReport = z.infer<typeof instanceReport>;

export const STREAM_PATH = '/v1/rules/stream';
export const REPORT_PATH = '/v1/instances/heartbeat';
export const SIGN_OFF_PATH = '/v1/instances/sign-off';
