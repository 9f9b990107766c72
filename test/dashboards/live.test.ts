import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Prometheus, whyNoPrometheus } from '../support/prometheus.ts';
import { ADDRESS, http, Shop } from '../support/shop.ts';
import { type Proc, type System, startSystem } from '../support/system.ts';
import { committed, DASHBOARDS, type NamedQuery, queriesOf } from './support.ts';

/**
 * The dashboards against a real Prometheus that scrapes the running system: two cores and two reconcilers, so that a
 * query which adds up what replicas tell alike is found out.
 */
const why = whyNoPrometheus();
const ENTRY = 'entry.order.create';
const PRICE = 79;
const SHOWN_SECONDS = 300;

/** Grafana's variables as it would fill them in with everything chosen. The whole test lies in the time shown. */
function filled(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '20s')
    .replaceAll('$__range', `${SHOWN_SECONDS}s`)
    .replaceAll('$__interval', '10s')
    .replaceAll('$process', '.+')
    .replaceAll('$instance', '.+');
}

/** The committed scrape configuration, a second apart instead of five, at the ports of these processes. */
async function scrapeConfig(system: System): Promise<string> {
  const text = await readFile(join(DASHBOARDS, 'prometheus/prometheus.yml'), 'utf8');
  const targets = (procs: readonly Proc[]): string =>
    procs
      .map(({ port, name }) => `      - targets: ['127.0.0.1:${port}']\n        labels: { instance: ${name} }`)
      .join('\n');
  return text
    .replace(/(scrape|evaluation)_interval: 5s/g, '$1_interval: 1s')
    .replace('scrape_timeout: 4s', 'scrape_timeout: 1s')
    .replace(/(job_name: tidegate-(\w+)\n\s+static_configs:\n)\s+- targets: .*\n\s+labels: .*/g, (_, head, kind) => {
      return head + targets(system.procs.filter((proc) => proc.kind === kind));
    });
}

describe.skipIf(why !== undefined)(
  `the dashboards in use${why === undefined ? '' : ` (skipped: ${why})`}`,
  async () => {
    const dashboards = await committed();
    let system: System;
    let shop: Shop;
    let prometheus: Prometheus;
    const queryOf = (title: string): string => {
      const found = dashboards.flatMap(([, d]) => queriesOf(d)).find(({ panel }) => panel.startsWith(title));
      if (found === undefined) throw new Error(`no panel "${title}"`);
      return filled(found.expr);
    };

    beforeAll(async () => {
      system = await startSystem({ cores: 2, reconcilers: 2 });
      shop = new Shop(system);
      prometheus = await Prometheus.start(await scrapeConfig(system));
      const jobs = () => prometheus.now('sum(up)');
      await eventually(async () => expect((await jobs())[0]?.values).toEqual([system.procs.length]), {
        timeoutMs: 20_000,
      });
      // Counters are seen at 0 before anything happens: what rates are made of.
      await eventually(async () =>
        expect((await prometheus.now('tidegate_check_verdict == 0')).length).toBeGreaterThan(8),
      );
    }, 120_000);
    afterAll(async () => {
      await prometheus?.[Symbol.asyncDispose]();
      await system?.[Symbol.asyncDispose]();
    });

    async function place(key: string, at: number): Promise<string> {
      const body = { userId: '12345', type: 'physical', items: [{ skuId: sku, quantity: 1 }], address: ADDRESS };
      const placed = await shop.order(body, key, at);
      expect(placed).toMatchObject({ status: 201 });
      return String(placed.body['payOrderId']);
    }
    /** Presses pay until the shopper is at the channel. */
    async function atChannel(payOrderId: string, at: number): Promise<string> {
      return eventually(
        async () => {
          const paying = await shop.pay(payOrderId, at);
          expect(paying.body).toMatchObject({ status: { code: 'P7' } });
          return String(paying.body['paymentId']);
        },
        { timeoutMs: 30_000, everyMs: 250 },
      );
    }
    const decide = (paymentId: string, result: 'paid' | 'failed') =>
      shop.sandbox(`/sandbox/pay/${paymentId}`, { method: 'POST', body: { result } });
    async function flip(on: boolean): Promise<void> {
      const url = `${system.one('control').url}/v1/switches/${ENTRY}`;
      const read = await fetch(url, { headers: { authorization: `Bearer ${system.tokens.viewer}` } });
      await read.arrayBuffer();
      const headers = { 'if-match': read.headers.get('etag') ?? '' };
      const body = { on, reason: 'a test of the dashboards' };
      const flipped = await http(url, { method: 'PUT', token: system.tokens.operator, headers, body });
      expect(flipped).toMatchObject({ status: 200, body: { propagation: { applied: 4, total: 4 } } });
    }
    let sku = '';

    it('shows data in every panel after a small sale with a fault, a flip and a finding', async () => {
      sku = (await shop.stockUp('t-shirt'))[0] ?? '';
      for (const [i, result] of (['paid', 'paid', 'failed'] as const).entries()) {
        expect(await decide(await atChannel(await place(`sale-${i}`, i), i), result)).toMatchObject({ status: 200 });
      }
      // A reply is lost: the attempt stands at P5 until a repair asks.
      const fault = { service: 'channel', operation: 'init', kind: 'reply_lost', probability: 1 };
      expect(await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { faults: [fault] } })).toMatchObject({
        status: 200,
      });
      const stuck = await place('stuck', 1);
      expect((await shop.pay(stuck, 1)).body).toMatchObject({ status: { code: 'P5' } });
      expect(await shop.sandbox('/sandbox/faults', { method: 'DELETE' })).toMatchObject({ status: 200 });
      await eventually(
        async () => {
          const advanced = await prometheus.now('tidegate_repair_total{state="P5",outcome="advanced"} > 0');
          expect(advanced).toMatchObject([{ values: [1] }]);
        },
        { timeoutMs: 30_000, everyMs: 250 },
      );
      await decide(await atChannel(stuck, 0), 'paid');
      // A closed entry refuses; then it is opened again.
      await flip(false);
      const order = { userId: '1', type: 'physical', items: [{ skuId: sku, quantity: 1 }], address: ADDRESS };
      expect(await shop.order(order, 'refused')).toMatchObject({ status: 503, body: { code: 'switched_off' } });
      await flip(true);
      // An attempt that waits for a person: a finding of its amount.
      const handed = await atChannel(await place('handed', 0), 0);
      await system.database.db.query({
        text: `UPDATE core.payment SET person_reason = 'a test', due_at = NULL WHERE id = $1`,
        values: [handed],
      });
      const queries = dashboards.flatMap(([, dashboard]) => queriesOf(dashboard));
      const nobodyTells = { panel: 'of plans, which are not built', expr: 'tidegate_plan_active', instant: true };
      expect(await emptyOf([nobodyTells])).toEqual([nobodyTells.panel]);
      // A rate is seen between two scrapes: the shop stays open until one has fallen between its calls.
      let more = 0;
      await eventually(
        async () => {
          more += 1;
          await atChannel(await place(`more-${more}`, more % 2), more % 2);
          expect(await emptyOf(queries)).toEqual([]);
        },
        { timeoutMs: 60_000, everyMs: 1_000 },
      );
    }, 180_000);

    /** The panels whose query gives no number; parses each first, as Prometheus would write it. */
    async function emptyOf(queries: readonly NamedQuery[]): Promise<string[]> {
      const empty: string[] = [];
      for (const { panel, expr, instant } of queries) {
        const query = filled(expr);
        expect(await prometheus.format(query)).not.toBe('');
        const samples = instant ? await prometheus.now(query) : await prometheus.over(query, SHOWN_SECONDS / 2);
        if (!samples.some(({ values }) => values.some(Number.isFinite))) empty.push(panel);
      }
      return empty;
    }

    it('counts what two replicas tell alike once', async () => {
      const numbers = async (title: string) => {
        const samples = await prometheus.now(queryOf(title));
        return Object.fromEntries(samples.map(({ labels, values }) => [Object.values(labels).join(), values[0]]));
      };
      await eventually(async () => {
        expect(await numbers('Verdict (')).toEqual({ '': 1 });
        expect(await numbers('Money at risk (')).toEqual({ CNY: PRICE });
        expect(await numbers('Findings by tier')).toEqual({ S0: 0, S1: 0, S2: 0, S3: 1 });
        expect(await numbers('Stuck now')).toEqual({ '': 1 });
        expect(await numbers('Instances behind')).toEqual({ '': 0 });
      });
      const gmv = await prometheus.now('sum by (currency) (tidegate_gmv_minor_total) > 0');
      expect(gmv).toMatchObject([{ labels: { currency: 'CNY' }, values: [3 * PRICE * 100] }]);
      const told = (await numbers('GMV in the time shown'))['CNY'] ?? 0;
      // `increase` reaches out to the ends of its window: near the three orders, far from twice as much.
      expect(told).toBeGreaterThan(2 * PRICE);
      expect(told).toBeLessThan(4.5 * PRICE);
      const revisions = await prometheus.now(queryOf('Revision per instance (规则版本): {{instance}}'));
      expect(revisions.map(({ labels }) => labels['instance']).sort()).toEqual([
        'core-1',
        'core-2',
        'reconcile-1',
        'reconcile-2',
      ]);
      expect(new Set(revisions.flatMap(({ values }) => values)).size).toBe(1);
    });

    it('lets the reader choose every process and every replica', async () => {
      const jobs = await prometheus.labelValues('job', 'up{job=~"tidegate-.+"}');
      expect(jobs).toEqual(['tidegate-control', 'tidegate-core', 'tidegate-reconcile', 'tidegate-sandbox']);
      const instances = await prometheus.labelValues('instance', 'up{job=~"tidegate-core"}');
      expect(instances).toEqual(['core-1', 'core-2']);
    });

    it('exports nothing that promtool finds fault with, from any process', async () => {
      for (const { name, url } of system.procs) {
        const input = await (await fetch(`${url}/metrics`)).text();
        expect(input, name).toContain('tidegate_');
        const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
        expect({ name, status, stdout, stderr }).toEqual({ name, status: 0, stdout: '', stderr: '' });
      }
    });

    it('reads UNKNOWN, and no number, when the last reconciler is gone', async () => {
      const [first, second] = system.all('reconcile');
      await first?.kill();
      await eventually(async () =>
        expect((await prometheus.now('sum(up{job="tidegate-reconcile"})'))[0]?.values).toEqual([1]),
      );
      // The other one reads the verdicts every five seconds: what it tells may be from before the finding.
      await eventually(async () => expect((await prometheus.now(queryOf('Verdict (')))[0]?.values).toEqual([1]));
      await second?.kill();
      await eventually(
        async () => {
          expect((await prometheus.now(queryOf('Verdict (')))[0]?.values).toEqual([-1]);
          expect(await prometheus.now(queryOf('Money at risk ('))).toEqual([]);
          expect(await prometheus.now(queryOf('Findings by tier'))).toEqual([]);
          expect(await prometheus.now(queryOf('Stuck now'))).toEqual([]);
        },
        { timeoutMs: 20_000, everyMs: 250 },
      );
    }, 60_000);
  },
);
