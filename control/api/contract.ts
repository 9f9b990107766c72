import { z } from 'zod';

/**
 * The wire contract of control that clients (the terminal, the command line, tests) share. Shapes only: no behaviour.
 * Times are RFC 3339 UTC; amounts are integer minor units; states and ids are strings.
 */
export const stateCount = z.object({
  machine: z.string(),
  state: z.string(),
  name: z.string(),
  count: z.number().int(),
  /** `now`: rows in this state; `today` (UTC): rows that came to this end, because ends are never counted over. */
  span: z.enum(['now', 'today']),
});

export const stuckState = z.object({
  machine: z.string(),
  state: z.string(),
  name: z.string(),
  /** Rows in this state beyond its patience, and how old the oldest is. */
  stuck: z.number().int(),
  inState: z.number().int(),
  waitingForPerson: z.number().int(),
  oldestSeconds: z.number(),
  limitSeconds: z.number(),
});

export const moneyAmount = z.object({ amount: z.number().int(), currency: z.string() });

export const checkStatus = z.object({
  id: z.string(),
  title: z.string(),
  /** The same in Chinese. */
  titleZh: z.string(),
  /** What a green light means, in words. */
  covers: z.string(),
  verdict: z.enum(['holds', 'violated', 'unknown']),
  reason: z.string().nullable(),
  count: z.number().int(),
  amounts: z.array(moneyAmount),
  /** What the newest run looked at. */
  coverage: z.object({
    /** `full`: all subjects; `incremental`: what was new. */
    mode: z.enum(['full', 'incremental']),
    rows: z.number().int(),
    upTo: z.string().nullable(),
    /** Before `finishedAt`: what came in this time the verdict may not know. */
    lagSeconds: z.number(),
    backlog: z.number().int(),
    /** When everything was last looked at, in one snapshot; what was right then is looked at again only when it changes. */
    fullAt: z.string().nullable(),
    /** Why the last attempt at looking at everything since then came to no end; null: none failed. */
    fullFailure: z.string().nullable(),
  }),
  finishedAt: z.string().nullable(),
  ageSeconds: z.number().nullable(),
});

export const instanceStatus = z.object({
  name: z.string(),
  process: z.string(),
  status: z.enum(['live', 'silent', 'lost', 'signed_off', 'retired']),
  appliedRevision: z.number().int().nullable(),
  appliedHash: z.string().nullable(),
  /** It enforces the newest revision, and a restart without control would too. */
  current: z.boolean(),
  /** Whether what it enforces is on its disk. */
  persisted: z.boolean(),
  lastSeenAt: z.string(),
  silentSeconds: z.number(),
});

export const propagation = z.object({
  revision: z.number().int(),
  applied: z.number().int(),
  total: z.number().int(),
  stragglers: z.array(z.object({ instance: z.string(), reason: z.string() })),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  maxMs: z.number().nullable(),
});

export const switchView = z.object({
  key: z.string(),
  /** One sentence on what it does to the business. */
  effect: z.string(),
  /** The same in Chinese. */
  effectZh: z.string(),
  kind: z.enum(['boolean']),
  /** `true`: the normal behaviour is on. */
  on: z.boolean(),
  default: z.boolean(),
  owner: z.string(),
  fundLoss: z.boolean(),
  /** What `If-Match` must name. */
  version: z.number().int(),
  revision: z.number().int(),
  updatedBy: z.string(),
  updatedAt: z.string(),
  reason: z.string().nullable(),
});

export const switchFlip = z.strictObject({ on: z.boolean(), reason: z.string().trim().min(3).max(500) });

export const switchFlipped = z.object({ switch: switchView, propagation });

export const finding = z.object({
  id: z.string(),
  check: z.string(),
  tier: z.enum(['S0', 'S1', 'S2', 'S3']),
  status: z.enum(['open', 'confirmed', 'false_alarm', 'stopped', 'repaired', 'closed']),
  exposure: moneyAmount,
  detail: z.string(),
  rowKey: z.string(),
  firstBadAt: z.string(),
  foundAt: z.string(),
  lastSeenAt: z.string(),
});

export const repairStatus = z.object({
  id: z.string(),
  title: z.string(),
  machine: z.string(),
  states: z.array(z.string()),
  lastRunAt: z.string().nullable(),
  replica: z.string().nullable(),
  scanned: z.number().int(),
  advanced: z.number().int(),
  waiting: z.number().int(),
  toPerson: z.number().int(),
  oldestSeconds: z.number(),
  durationMs: z.number(),
  /** Sums over the kept runs, per replica. */
  byReplica: z.array(z.object({ replica: z.string(), scanned: z.number().int(), advanced: z.number().int() })),
});

/** One call for the terminal's first screen. */
export const overview = z.object({
  at: z.string(),
  /** `unknown` when a check did not run, lags, or failed: never green by silence. */
  verdict: z.enum(['holds', 'violated', 'unknown']),
  verdictReason: z.string(),
  moneyAtRisk: z.array(moneyAmount),
  gmvToday: z.array(moneyAmount),
  openFindings: z.number().int(),
  funnel: z.array(stateCount),
  stuck: z.array(stuckState),
  checks: z.array(checkStatus),
  repairs: z.array(repairStatus),
  switches: z.array(switchView),
  instances: z.array(instanceStatus),
  propagation,
  findings: z.array(finding),
});

/** A problem document (RFC 9457). */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  traceId: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

export type Overview = z.infer<typeof overview>;
export type SwitchView = z.infer<typeof switchView>;
export type InstanceStatus = z.infer<typeof instanceStatus>;
export type Propagation = z.infer<typeof propagation>;
export type CheckStatus = z.infer<typeof checkStatus>;
export type StuckState = z.infer<typeof stuckState>;
export type StateCount = z.infer<typeof stateCount>;
export type Finding = z.infer<typeof finding>;
export type RepairStatus = z.infer<typeof repairStatus>;
export type MoneyAmount = z.infer<typeof moneyAmount>;
