import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { METRICS, type MetricDefinition, type MetricKey } from '../../core/kernel/metric-names.ts';
import { createMetrics, type LabelsOf, type Metrics } from '../../core/kernel/metrics.ts';

const definitions = Object.entries(METRICS) as [MetricKey, MetricDefinition][];

/** Uses every metric once, so that all of them are in the registry. */
function useAll(metrics: Metrics): void {
  for (const [key, { kind, labels }] of definitions) {
    // The loop sees the union of all metrics; each call takes it for one of them.
    const values = Object.fromEntries(labels.map((label) => [label, 'x']));
    if (kind === 'counter') metrics.counter(key as 'repair', values as LabelsOf<'repair'>).inc();
    if (kind === 'gauge') metrics.gauge(key as 'findings', values as LabelsOf<'findings'>).set(1);
    if (kind === 'histogram')
      metrics.histogram(key as 'httpRequestDuration', values as LabelsOf<'httpRequestDuration'>).observe(0.1);
  }
}

/** What the public contract names, word for word. */
const PROMISED = [
  'tidegate_http_request_duration_seconds{process,route,method,status}',
  'tidegate_order_state_total{machine,state}',
  'tidegate_stuck_orders{state}',
  'tidegate_stuck_oldest_seconds{state}',
  'tidegate_repair_total{state,outcome}',
  'tidegate_check_verdict{check}',
  'tidegate_check_lag_seconds{check}',
  'tidegate_findings{tier,status}',
  'tidegate_exposure_minor{currency}',
  'tidegate_guard_decisions_total{entry,outcome,rule}',
  'tidegate_ruleset_revision{instance}',
  'tidegate_ruleset_age_seconds{}',
  'tidegate_flip_propagation_seconds{}',
  'tidegate_plan_active{plan}',
  'tidegate_capacity_headroom_ratio{node}',
  'tidegate_gmv_minor_total{currency}',
  'tidegate_bus_lag_seconds{consumer}',
  'tidegate_bus_parked_events{consumer}',
];

describe('the names', () => {
  it('are those that others rely on', () => {
    const told = definitions.map(([, { name, labels }]) => `${name}{${labels.join(',')}}`);
    expect(told).toEqual(expect.arrayContaining(PROMISED));
    expect(new Set(definitions.map(([, { name }]) => name)).size).toBe(definitions.length);
  });

  it.each(definitions)('%s follows the rules that promtool checks', (_key, { name, kind, help, labels, open = [] }) => {
    expect(name).toMatch(/^tidegate_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    expect(name).not.toMatch(/_(count|sum|bucket|info|milliseconds|ms|minutes|hours|percent|kilobytes)$/);
    expect(name).not.toMatch(/(counter|gauge|histogram|summary)/);
    expect(help).toMatch(/^[A-Z].*\.$/);
    expect(labels).not.toContain('le');
    expect(labels).toEqual(expect.arrayContaining([...open]));
  });

  it('and those of Node are accepted by promtool', ({ skip }) => {
    const found = spawnSync('promtool', ['--version']).error === undefined;
    if (!found && process.env['CI'] !== 'true') skip('promtool is not on the PATH; it comes with Prometheus');
    const metrics = createMetrics('test');
    useAll(metrics);
    return metrics.registry.metrics().then((input) => {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
    });
  });
});

describe('the registry', () => {
  it('shows a metric from its first use', async () => {
    const metrics = createMetrics('test');
    expect(await metrics.registry.metrics()).not.toContain('tidegate_');
    metrics.counter('repair', { state: 'P7', outcome: 'advanced' }).inc();
    metrics.counter('repair', { state: 'P7', outcome: 'advanced' }).inc(2);
    metrics.gauge('checkVerdict', { check: 'ledger-balance' }).set(-1);
    metrics.histogram('flipPropagation', {}).observe(0.02);
    const text = await metrics.registry.metrics();
    expect(text).toContain('tidegate_repair_total{state="P7",outcome="advanced"} 3');
    expect(text).toContain('tidegate_check_verdict{check="ledger-balance"} -1');
    expect(text).toContain('tidegate_flip_propagation_seconds_count 1');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('gives the same series for the same labels, for hot code to keep', () => {
    const metrics = createMetrics('test');
    const labels = { entry: 'order.place', outcome: 'allowed', rule: 'none' };
    expect(metrics.counter('guardDecisions', labels)).toBe(metrics.counter('guardDecisions', { ...labels }));
  });

  it('does not grow without end: past the bound, values from data become `other`', async () => {
    const metrics = createMetrics('test');
    for (let i = 0; i < 2_500; i += 1) metrics.gauge('planActive', { plan: `plan-${i}` }).set(1);
    for (let i = 0; i < 2_500; i += 1) metrics.counter('orderState', { machine: `m${i}`, state: 's' }).inc();
    const text = await metrics.registry.metrics();
    expect(text.match(/^tidegate_plan_active\{/gm)).toHaveLength(1_001);
    expect(text).toContain('tidegate_plan_active{plan="other"} 1');
    expect(text).toContain('tidegate_order_state_total{machine="other",state="other"} 1500');
  });

  it('begins a counter at 0 when it is asked for', async () => {
    const metrics = createMetrics('test');
    metrics.counter('gmv', { currency: 'CNY' });
    expect(await metrics.registry.metrics()).toContain('tidegate_gmv_minor_total{currency="CNY"} 0');
  });

  it('asks at each scrape what a gauge is, and repeats nothing that is no longer told', async () => {
    const metrics = createMetrics('test');
    const stuck = new Map([['P7', 3]]);
    let age: number | undefined;
    metrics.atScrape('stuckOrders', (put) => {
      for (const [state, value] of stuck) put({ state }, value);
    });
    metrics.atScrape('stuckOrders', (put) => put({ state: 'F2' }, 1));
    metrics.atScrape('rulesetAge', (put) => {
      if (age !== undefined) put({}, age);
    });
    const told = async () => (await metrics.registry.metrics()).match(/^tidegate_(stuck_orders|ruleset_age).*$/gm);
    expect(await told()).toEqual(['tidegate_stuck_orders{state="P7"} 3', 'tidegate_stuck_orders{state="F2"} 1']);
    stuck.clear();
    age = 7;
    expect(await told()).toEqual(['tidegate_stuck_orders{state="F2"} 1', 'tidegate_ruleset_age_seconds 7']);
    age = undefined;
    expect(await told()).toEqual(['tidegate_stuck_orders{state="F2"} 1']);
  });
});
