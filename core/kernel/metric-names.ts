/**
 * Every metric of Tidegate, by the names that dashboards and alert rules rely on. Names are stable once released.
 *
 * `labels` are the only labels a metric takes; those listed in `open` take values from data (a rule, a node, a plan) and
 * fall together under `other` beyond `maxSeries`, so that no input can grow the registry without end.
 */
export interface MetricDefinition {
  readonly name: `tidegate_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly open?: readonly string[];
  readonly buckets?: readonly number[];
  readonly maxSeries?: number;
}

/** Seconds: from a healthy answer of this machine to the request time-out. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export const METRICS = {
  httpRequestDuration: {
    name: 'tidegate_http_request_duration_seconds',
    kind: 'histogram',
    help: 'Time from the first byte of a request to its answer, by route template.',
    labels: ['process', 'route', 'method', 'status'],
    buckets: REQUEST_BUCKETS,
    maxSeries: 2000,
  },
  outsideCallDuration: {
    name: 'tidegate_outside_call_duration_seconds',
    kind: 'histogram',
    help: 'Time of calls to services outside, by target and outcome.',
    labels: ['target', 'outcome'],
    open: ['target'],
    buckets: REQUEST_BUCKETS,
  },
  orderState: {
    name: 'tidegate_order_state_total',
    kind: 'counter',
    help: 'Transitions into a state, of every state machine.',
    labels: ['machine', 'state'],
  },
  stuckOrders: {
    name: 'tidegate_stuck_orders',
    kind: 'gauge',
    help: 'Rows that sit in a state longer than it allows, or wait for a person.',
    labels: ['state'],
  },
  stuckOldest: {
    name: 'tidegate_stuck_oldest_seconds',
    kind: 'gauge',
    help: 'Age of the oldest row that is stuck in a state.',
    labels: ['state'],
  },
  repair: {
    name: 'tidegate_repair_total',
    kind: 'counter',
    help: 'Repairs by the stuck state they were for and how they ended.',
    labels: ['state', 'outcome'],
  },
  repairRunDuration: {
    name: 'tidegate_repair_run_duration_seconds',
    kind: 'histogram',
    help: 'Time of one run of a repair, idle or not.',
    labels: ['repair'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  },
  checkVerdict: {
    name: 'tidegate_check_verdict',
    kind: 'gauge',
    help: 'Last verdict of an invariant check: 0 holds, 1 violated, -1 unknown.',
    labels: ['check'],
  },
  checkLag: {
    name: 'tidegate_check_lag_seconds',
    kind: 'gauge',
    help: 'Time up to now that the last verdict of a check does not know; it grows while the check does not run.',
    labels: ['check'],
  },
  findings: {
    name: 'tidegate_findings',
    kind: 'gauge',
    help: 'Findings by tier (S0 to S3) and status.',
    labels: ['tier', 'status'],
  },
  exposure: {
    name: 'tidegate_exposure_minor',
    kind: 'gauge',
    help: 'Money at risk: findings not repaired and no false alarms, in minor units; a zero under XXX when there are none.',
    labels: ['currency'],
  },
  guardDecisions: {
    name: 'tidegate_guard_decisions_total',
    kind: 'counter',
    help: 'Decisions of the guard by entry, outcome and the rule that decided.',
    labels: ['entry', 'outcome', 'rule'],
    open: ['entry', 'rule'],
    maxSeries: 5000,
  },
  rulesetRevision: {
    name: 'tidegate_ruleset_revision',
    kind: 'gauge',
    help: 'Revision of the rule set that an instance enforces.',
    labels: ['instance'],
    open: ['instance'],
    maxSeries: 10000,
  },
  rulesetHead: {
    name: 'tidegate_ruleset_head_revision',
    kind: 'gauge',
    help: 'Newest revision of the rule set, which every instance should enforce.',
    labels: [],
  },
  rulesetAge: {
    name: 'tidegate_ruleset_age_seconds',
    kind: 'gauge',
    help: 'Time since control last vouched for the rule set; since the start of the process when it never did.',
    labels: [],
  },
  flipPropagation: {
    name: 'tidegate_flip_propagation_seconds',
    kind: 'histogram',
    help: 'Time from a published revision to its enforcement on an instance.',
    labels: [],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  planActive: {
    name: 'tidegate_plan_active',
    kind: 'gauge',
    help: 'Whether a plan is active: 1 yes, 0 no.',
    labels: ['plan'],
    open: ['plan'],
  },
  capacityHeadroom: {
    name: 'tidegate_capacity_headroom_ratio',
    kind: 'gauge',
    help: 'Unused share of the capacity of a node of the capacity model.',
    labels: ['node'],
    open: ['node'],
  },
  floodBacklog: {
    name: 'tidegate_flood_backlog_tickets',
    kind: 'gauge',
    help: 'Orders that wait in the queue of stored-up orders; told by the core that drains it.',
    labels: [],
  },
  floodOldest: {
    name: 'tidegate_flood_oldest_seconds',
    kind: 'gauge',
    help: 'How long the first of the queue of stored-up orders has waited; told by the core that drains it.',
    labels: [],
  },
  gmv: {
    name: 'tidegate_gmv_minor_total',
    kind: 'counter',
    help: 'Value of paid orders in minor units.',
    labels: ['currency'],
  },
  busLag: {
    name: 'tidegate_bus_lag_seconds',
    kind: 'gauge',
    help: 'Age of the oldest event that a consumer has not handled.',
    labels: ['consumer'],
  },
  busParked: {
    name: 'tidegate_bus_parked_events',
    kind: 'gauge',
    help: 'Events that a consumer could not take and that were set aside, until they are handed over again.',
    labels: ['consumer'],
  },
  dbPoolConnections: {
    name: 'tidegate_db_pool_connections',
    kind: 'gauge',
    help: 'Database connections of the process that are busy or idle.',
    labels: ['state'],
  },
  dbPoolLimit: {
    name: 'tidegate_db_pool_limit',
    kind: 'gauge',
    help: 'Database connections that the process may open.',
    labels: [],
  },
  dbPoolWaiting: {
    name: 'tidegate_db_pool_waiting',
    kind: 'gauge',
    help: 'Callers that wait for a free database connection.',
    labels: [],
  },
  stockHot: {
    name: 'tidegate_stock_hot_shelves',
    kind: 'gauge',
    help: 'SKUs in a warehouse whose pieces this process reserves in batches.',
    labels: [],
  },
  stockBatch: {
    name: 'tidegate_stock_batch_orders',
    kind: 'histogram',
    help: 'Orders whose pieces were reserved in one statement.',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRICS;
