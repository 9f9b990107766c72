import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Overview, overview } from '../../control/api/contract.ts';
import { OverviewReader } from '../../control/overview/overview.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import type { Database } from '../../core/kernel/db/database.ts';
import { Mover } from '../../core/kernel/mover.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { loadChecks } from '../../reconcile/check.ts';
import { loadRepairs } from '../../reconcile/repair.ts';
import { asAdmin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type TestControl, testControl } from './support.ts';

const known = await loadChecks();
const CHECKS = ['trial-balance', 'stock-conservation'].flatMap((id, i) =>
  known.filter((check) => check.id === id).map((check) => ({ ...check, level: i === 0 ? 'seconds' : 'hour' }) as const),
);
const REPAIRS = await loadRepairs();

let control: TestControl;
let db: Database;
beforeAll(async () => {
  control = await testControl({ checks: CHECKS, repairs: REPAIRS });
  db = control.database.db;
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

/** Read past the cache. */
async function look(): Promise<Overview> {
  const reader = new OverviewReader({ ...control.control.context, checks: CHECKS, repairs: REPAIRS });
  return overview.parse(await reader.read());
}

async function verdict(checkId: string, value: string, options: { ageSeconds?: number; lagSeconds?: number } = {}) {
  const lagSeconds = options.lagSeconds ?? 0;
  const coverage = { mode: 'incremental', rows: 10, upTo: null, lagSeconds, backlog: 0, fullAt: null, fullMs: null };
  await db.query({
    text: `INSERT INTO reconcile.check_verdict (check_id, verdict, reason, count, amounts, coverage, started_at, finished_at)
           VALUES ($1, $2, NULL, $3, $4::jsonb, $5::jsonb, now(), now() - $6 * interval '1 second')
           ON CONFLICT (check_id) DO UPDATE SET verdict = excluded.verdict, count = excluded.count,
             coverage = excluded.coverage, finished_at = excluded.finished_at`,
    values: [
      checkId,
      value,
      value === 'violated' ? 3 : 0,
      JSON.stringify([{ amount: 1_234, currency: 'CNY' }]),
      JSON.stringify(coverage),
      options.ageSeconds ?? 0,
    ],
  });
}

describe('the verdict', () => {
  it('is unknown when nothing ran, and says so', async () => {
    const reply = await control.send('viewer', 'GET', '/v1/overview');
    expect(reply.status).toBe(200);
    const seen = overview.parse(reply.body);
    expect(seen).toMatchObject({
      verdict: 'unknown',
      verdictReason: 'trial-balance: it has not run yet (and 1 more)',
      moneyAtRisk: [],
      openFindings: 0,
      findings: [],
    });
    expect(seen.checks.map((check) => check.verdict)).toEqual(['unknown', 'unknown']);
    expect(seen.repairs.length).toBe(REPAIRS.length);
    expect(seen.repairs.find(({ id }) => id === 'p7')).toMatchObject({
      machine: 'payment',
      states: ['P7'],
      lastRunAt: null,
      replica: null,
      byReplica: [],
    });
    expect(seen.switches.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['entry.order.create', 'marketing.coupons']),
    );
  });

  it('holds only while every check says so, is young enough and does not lag', async () => {
    const state = async () => {
      const seen = await look();
      return `${seen.verdict}: ${seen.verdictReason}`;
    };
    await verdict('trial-balance', 'holds');
    expect(await state()).toBe('unknown: stock-conservation: it has not run yet');
    await verdict('stock-conservation', 'holds', { ageSeconds: 3_000 });
    expect(await state()).toBe('holds: all 2 checks hold, the oldest is 3000 s old');
    await verdict('trial-balance', 'holds', { ageSeconds: 120 });
    expect(await state()).toBe('unknown: trial-balance: it last ran 120 s ago');
    await verdict('trial-balance', 'holds', { ageSeconds: -600 });
    expect(await state()).toMatch(/^unknown: trial-balance: its verdict is dated (600|599) s ahead: a clock is wrong$/);
    await verdict('trial-balance', 'holds', { lagSeconds: 300 });
    expect(await state()).toBe('unknown: trial-balance: it lags 300 s behind');
    await verdict('trial-balance', 'unknown');
    expect(await state()).toBe('unknown: trial-balance: it gave no verdict');
    await verdict('stock-conservation', 'violated', { ageSeconds: 90_000 });
    expect(await state()).toBe('violated: violated: stock-conservation (3)');
    await verdict('trial-balance', 'holds');
    expect((await look()).verdict).toBe('violated');
    await verdict('stock-conservation', 'holds');
    expect((await look()).verdict).toBe('holds');
    expect((await control.send('viewer', 'GET', '/v1/checks')).body).toMatchObject({ verdict: 'holds' });
  });

  it('is unknown without any check', async () => {
    const reader = new OverviewReader({ ...control.control.context, checks: [], repairs: [] });
    expect(await reader.read()).toMatchObject({ verdict: 'unknown', verdictReason: 'this release has no checks' });
  });
});

let orders = 0;
async function placeOrder(mover: Mover, payable: number): Promise<string> {
  orders += 1;
  const id = `100000000000000${String(orders).padStart(4, '0')}`;
  await db.query({
    text: `INSERT INTO core.pay_order (id, user_id, currency, stage, payable, discount, idempotency_key, body_digest,
             notices, expires_at, created_at)
           VALUES ($1, 1, 'CNY', 'full', $2, 0, $1, '', '[]', now(), now())`,
    values: [`po_${id}`, payable],
  });
  await mover.create(db, orderMachine, {
    id,
    actor: 'test',
    reason: 'a test orders',
    columns: {
      pay_order_id: `po_${id}`,
      user_id: 1,
      guest: false,
      type: 'physical',
      currency: 'CNY',
      goods_amount: payable,
      freight_amount: 0,
      discount_amount: 0,
      payable,
      details: '{}',
      expires_at: systemClock.now(),
      created_at: systemClock.now(),
    },
  });
  return id;
}

describe('the flow', () => {
  it('counts live states as they stand, and ends as far as they were reached today', async () => {
    const mover = new Mover(systemClock);
    const cause = { actor: 'test', reason: 'a test moves it' };
    const ids = await Promise.all([1_000, 2_000, 3_000].map((payable) => placeOrder(mover, payable)));
    const [first, second, third] = ids as [string, string, string];
    await mover.move(db, orderMachine, { id: first, from: 'O0', to: 'O1', ...cause });
    await mover.move(db, orderMachine, { id: first, from: 'O1', to: 'O2', ...cause });
    await mover.move(db, orderMachine, { id: second, from: 'O0', to: 'O1', ...cause });
    const seen = await eventually(async () => {
      const now = await look();
      expect(now.gmvToday).toEqual([{ amount: 3_000, currency: 'CNY' }]);
      return now;
    });
    const counts = seen.funnel
      .filter(({ machine }) => machine === 'order')
      .map(({ state, count, span }) => [state, count, span]);
    expect(counts).toEqual([
      ['O0', 1, 'now'],
      ['O1', 1, 'now'],
      ['O2', 1, 'today'],
      ['O3', 0, 'today'],
      ['O4', 0, 'today'],
      ['O5', 0, 'today'],
    ]);
    expect(seen.funnel.find(({ state }) => state === 'P7')).toMatchObject({ name: 'PAYMENT_PROCESSING', count: 0 });

    await db.query({
      text: `UPDATE core.orders SET state_since = now() - interval '1 hour', expires_at = now() - interval '45 minutes'
        WHERE id = $1`,
      values: [third],
    });
    await db.query({
      text: `UPDATE core.orders SET person_reason = 'no stock left' WHERE id = $1`,
      values: [second],
    });
    const { stuck } = await look();
    expect(stuck.find(({ state }) => state === 'O0')).toMatchObject({ stuck: 1, inState: 1, limitSeconds: 1_200 });
    expect(stuck.find(({ state }) => state === 'O0')?.oldestSeconds).toBeGreaterThan(3_500);
    expect(stuck.find(({ state }) => state === 'O1')).toMatchObject({ stuck: 1, waitingForPerson: 1 });
    expect(stuck.find(({ state }) => state === 'P2')).toMatchObject({ stuck: 0, inState: 0 });
  });

  it('adds each event up once, however many replicas add', async () => {
    await using other = await testControl({ database: control.database });
    const mover = new Mover(systemClock);
    await Promise.all(Array.from({ length: 60 }, () => placeOrder(mover, 100)));
    await eventually(async () => {
      const rows = await db.query<{ value: number }>({
        text: `SELECT value FROM control.tally WHERE subject = 'order' AND key = 'O0'`,
      });
      return rows[0]?.value === orders;
    });
    expect(other.control.context.feed.head.revision).toBeGreaterThan(0);
    expect(await control.metrics.registry.metrics()).toContain('tidegate_bus_lag_seconds{consumer="control.tally"}');
  });

  it('costs what is alive, not what ever was', async () => {
    await db.query({
      text: `INSERT INTO core.orders (id, pay_order_id, user_id, guest, type, currency, goods_amount, freight_amount,
               discount_amount, payable, details, expires_at, created_at, state, state_since)
             SELECT '9' || n, pay_order_id, 1, false, 'physical', 'CNY', 1, 0, 0, 1, '{}', now(), now(), 'O5', now()
             FROM generate_series(1, 20000) n, (SELECT pay_order_id FROM core.orders LIMIT 1) o`,
    });
    await asAdmin(control.database.ownerUrl, 'ANALYZE');
    const statements: { text: string; values?: readonly unknown[] }[] = [];
    const spied: Database = new Proxy(db, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name, target);
        return async (query: { text: string; values?: readonly unknown[] }) => {
          statements.push(query);
          return target.query(query);
        };
      },
    });
    const context = { ...control.control.context, db: spied, checks: CHECKS, repairs: REPAIRS };
    await new OverviewReader(context).read();
    expect(statements.length).toBeGreaterThan(5);
    const scanned: string[] = [];
    for (const { text, values } of statements) {
      const rows = await db.query<{ 'QUERY PLAN': unknown }>({
        text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        ...(values === undefined ? {} : { values }),
      });
      const plan = JSON.stringify(rows);
      for (const found of plan.matchAll(/"Node Type":"Seq Scan"[^{}]*?"Relation Name":"(\w+)"/g))
        scanned.push(found[1] ?? '');
    }
    // These hold what is declared or connected; everything that grows with the business is read through an index.
    const small = [
      'rule',
      'instance',
      'check_verdict',
      'tally',
      'finding',
      'repair_run',
      'revision',
      'acknowledgement',
    ];
    const empty = ['payment', 'shipment', 'refund', 'deduction', 'capture', 'callback', 'ticket', 'room_lock'];
    expect(scanned.filter((table) => !small.includes(table) && !empty.includes(table))).toEqual([]);
  });

  it('is read once for many who look at the same time', async () => {
    let queries = 0;
    const counted: Database = new Proxy(db, {
      get: (target, name) => {
        if (name === 'query') queries += 1;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const context = { ...control.control.context, db: counted, checks: CHECKS, repairs: REPAIRS };
    const reader = new OverviewReader(context);
    await reader.read();
    const once = queries;
    await Promise.all(Array.from({ length: 100 }, () => reader.read()));
    expect(queries).toBe(once);
    await eventually(async () => {
      await reader.read();
      return queries === 2 * once;
    });
  });
});

describe('findings and repairs', () => {
  it('list what is at risk with its money, and page', async () => {
    const rows = [
      ['f-1', 'open', 500, 'CNY'],
      ['f-2', 'confirmed', 700, 'CNY'],
      ['f-3', 'stopped', 30, 'GBP'],
      ['f-4', 'closed', 9_999, 'CNY'],
      ['f-5', 'false_alarm', 9_999, 'CNY'],
    ];
    for (const [id, status, amount, currency] of rows) {
      await db.query({
        text: `INSERT INTO reconcile.finding (id, check_id, row_key, tier, status, amount, currency, detail, row,
                 first_bad_at, found_at, last_seen_at)
               VALUES ($1, 'trial-balance', $1, 'S2', $2, $3, $4, 'a test', '{}', now(), now(), now())`,
        values: [id, status, amount, currency],
      });
    }
    const seen = await look();
    expect(seen.openFindings).toBe(3);
    expect(seen.moneyAtRisk).toEqual([
      { amount: 1_200, currency: 'CNY' },
      { amount: 30, currency: 'GBP' },
    ]);
    expect(seen.findings.map(({ id }) => id).sort()).toEqual(['f-1', 'f-2', 'f-3']);
    const ids: string[] = [];
    let cursor = '';
    do {
      const { body } = await control.send('viewer', 'GET', `/v1/findings?limit=2${cursor}`);
      ids.push(...(body['items'] as { id: string }[]).map(({ id }) => id));
      cursor = body['next'] === null ? '' : `&cursor=${String(body['next'])}`;
    } while (cursor !== '');
    expect(ids.sort()).toEqual(['f-1', 'f-2', 'f-3', 'f-4', 'f-5']);
    const closed = await control.send('viewer', 'GET', '/v1/findings?status=closed');
    expect((closed.body['items'] as unknown[]).length).toBe(1);
    expect((await control.send('viewer', 'GET', '/v1/findings?status=gone')).status).toBe(422);
  });

  it('show the worst of each check first, however many others there are', async () => {
    await db.query({
      text: `INSERT INTO reconcile.finding (id, check_id, row_key, tier, status, amount, currency, detail, row,
               first_bad_at, found_at, last_seen_at)
             SELECT 'many-' || n, 'stuck-age', 'many-' || n, 'S2', 'open', 100 + n, 'CNY', 'a test', '{}'::jsonb, now(), now(), now()
             FROM generate_series(1, 40) n
             UNION ALL SELECT 'lost', 'stock-conservation', 'lost', 'S3', 'open', 5, 'CNY', 'a test', '{}'::jsonb,
               now() - interval '1 hour', now() - interval '1 hour', now()
             UNION ALL SELECT 'grave', 'stuck-age', 'grave', 'S0', 'open', 1, 'CNY', 'a test', '{}'::jsonb,
               now() - interval '1 hour', now() - interval '1 hour', now()`,
    });
    const shown = (await look()).findings.map(({ id }) => id);
    expect(shown.length).toBe(20);
    expect(shown.slice(0, 5)).toEqual(['grave', 'f-2', 'lost', 'f-1', 'many-40']);
    await db.query({ text: `DELETE FROM reconcile.finding WHERE id !~ '^f-'` });
  });

  it('come to at most what an amount can say: the screen must not go dark when most is at risk', async () => {
    await db.query({
      text: `INSERT INTO reconcile.finding (id, check_id, row_key, tier, status, amount, currency, detail, row,
               first_bad_at, found_at, last_seen_at)
             SELECT 'huge-' || n, 'trial-balance', 'huge-' || n, 'S0', 'open', 9007199254740991, 'EUR', 'a test', '{}'::jsonb,
               now(), now(), now() FROM generate_series(1, 2) n`,
    });
    const { moneyAtRisk } = await look();
    expect(moneyAtRisk.find(({ currency }) => currency === 'EUR')?.amount).toBe(Number.MAX_SAFE_INTEGER);
    await db.query({ text: `DELETE FROM reconcile.finding WHERE id ~ '^huge-'` });
  });

  it('say what each replica did', async () => {
    for (const [replica, advanced] of [
      ['reconcile-1', 3],
      ['reconcile-2', 4],
      ['reconcile-1', 5],
    ]) {
      await db.query({
        text: `INSERT INTO reconcile.repair_run (repair_id, replica, scanned, advanced, waiting, to_person,
                 oldest_age_seconds, duration_ms, at)
               VALUES ('p7', $1, $2 + 1, $2, 1, 0, 12, 34, now())`,
        values: [replica, advanced],
      });
    }
    const { body } = await control.send('viewer', 'GET', '/v1/repairs');
    expect((body['items'] as { id: string }[]).find(({ id }) => id === 'p7')).toMatchObject({
      replica: 'reconcile-1',
      advanced: 5,
      scanned: 6,
      oldestSeconds: 12,
      byReplica: [
        { replica: 'reconcile-1', scanned: 10, advanced: 8 },
        { replica: 'reconcile-2', scanned: 5, advanced: 4 },
      ],
    });
  });

  it('are for people only', async () => {
    for (const path of ['/v1/overview', '/v1/findings', '/v1/repairs', '/v1/checks', '/v1/audit', '/v1/instances']) {
      expect((await control.send(undefined, 'GET', path)).status, path).toBe(401);
      expect((await control.send('shop', 'GET', path)).status, path).toBe(403);
    }
    expect((await control.send('operator', 'GET', '/v1/tokens')).status).toBe(403);
  });
});
