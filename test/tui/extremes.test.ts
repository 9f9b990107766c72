import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Overview } from '../../control/api/contract.ts';
import { noTerminal, Tui } from './terminal.ts';

// Real processes in a real terminal, beside whatever else this machine does.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

/*
 * A night that no test system can be brought to in seconds: hundreds of instances, every state stuck, many currencies,
 * figures and names as large as the contract allows. The TUI is the real one; control is played.
 */
const AT = '2026-11-11T00:00:00.000Z';
const LONG = 'entry.with-a-very-long-name.that.goes-on.and-on.创建订单入口很长很长的名字';
const STATES = ['P0', 'P1', 'P2', 'P4', 'P5', 'P7', 'F0', 'F1', 'F2', 'O0', 'O1', 'R8', 'R9', 'R12', 'R15'];
const CURRENCIES = ['CNY', 'USD', 'GBP', 'JPY', 'EUR', 'HKD'];
const big = 99_999_999_999_999;

const night: Overview = {
  at: AT,
  verdict: 'violated',
  verdictReason: `violated: ${STATES.map((s) => `check-${s} (123456)`).join(', ')}`,
  moneyAtRisk: CURRENCIES.map((currency) => ({ amount: big, currency })),
  gmvToday: CURRENCIES.map((currency) => ({ amount: big, currency })),
  openFindings: 123_456,
  funnel: STATES.map((state, i) => ({
    machine: 'payment',
    state,
    name: `PAYMENT_STATE_WITH_A_VERY_LONG_NAME_${i}`,
    count: 10 ** i,
    span: i % 2 ? 'now' : 'today',
  })),
  stuck: STATES.map((state, i) => ({
    machine: 'payment',
    state,
    name: `PAYMENT_STATE_WITH_A_VERY_LONG_NAME_${i}`,
    stuck: 10 ** (i % 8),
    inState: 10 ** (i % 9),
    waitingForPerson: i % 3 ? 0 : 123_456,
    oldestSeconds: 10 ** (i % 8),
    limitSeconds: 604_800,
  })),
  checks: ['holds', 'violated', 'unknown'].flatMap((verdict, v) =>
    [1, 2, 3, 4].map((n) => ({
      id: `check-with-a-very-long-name-${v}${n}`,
      title: 'A check',
      titleZh: '一个名字很长很长很长很长很长很长很长的核对项目',
      covers: `Everything. ${'很长的说明。'.repeat(40)}`,
      verdict: verdict as Overview['verdict'],
      reason: verdict === 'unknown' ? `it did not answer\nin time: ${'because '.repeat(20)}` : null,
      count: verdict === 'violated' ? 1_234_567 : 0,
      amounts: verdict === 'violated' ? [{ amount: 123_456_789, currency: 'CNY' }] : [],
      coverage: {
        mode: 'full',
        rows: 10 ** (n * 2),
        upTo: null,
        lagSeconds: 0,
        backlog: 0,
        fullAt: AT,
        fullFailure: null,
      },
      finishedAt: AT,
      ageSeconds: 10 ** n,
    })),
  ),
  repairs: [],
  switches: [1, 2, 3].map((n) => ({
    key: `${LONG}.${n}`,
    effect: 'Nothing goes any more. '.repeat(10),
    effectZh: '一切停止。'.repeat(20),
    kind: 'boolean',
    on: n !== 1,
    default: true,
    owner: 'orders',
    fundLoss: true,
    version: n,
    revision: n,
    updatedBy: 'somebody-with-a-very-long-name',
    updatedAt: AT,
    reason: 'because '.repeat(30),
  })),
  instances: Array.from({ length: 200 }, (_, n) => ({
    name: `core-in-a-very-long-zone-name-${n}`,
    process: 'core',
    status: n < 3 ? ('lost' as const) : ('live' as const),
    appliedRevision: n < 3 ? null : 1_234_567,
    appliedHash: null,
    persisted: true,
    current: n >= 3,
    lastSeenAt: AT,
    silentSeconds: n < 3 ? 1e6 : 0,
  })),
  propagation: {
    revision: 1_234_567,
    applied: 197,
    total: 200,
    stragglers: [0, 1, 2].map((n) => ({
      instance: `core-in-a-very-long-zone-name-${n}`,
      reason: 'silent for 1000000 s',
    })),
    p50Ms: null,
    p99Ms: null,
    maxMs: null,
  },
  findings: Array.from({ length: 20 }, (_, n) => ({
    id: `fnd_${n}`,
    check: `check-with-a-very-long-name-1${n}`,
    tier: 'S0' as const,
    status: 'open' as const,
    exposure: { amount: 123_456_789_012, currency: 'CNY' },
    detail: `an order\u001b[2J\u001b[31m of 很长的名字 ${'x'.repeat(300)}`,
    rowKey: 'order/1',
    firstBadAt: '2026-01-01T00:00:00.000Z',
    foundAt: AT,
    lastSeenAt: AT,
  })),
};

let server: Server;
let url: string;
let served: Overview = night;
/** The server repeats itself, as a cache in between would. */
let frozen = false;
beforeAll(async () => {
  let second = 0;
  server = createServer((_request, response) => {
    if (!frozen) second += 1;
    const at = new Date(Date.parse(AT) + second * 1_000).toISOString();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...served, at }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});
beforeEach(({ skip }) => {
  if (noTerminal !== null) skip(noTerminal);
  served = night;
  frozen = false;
});

describe('a night beyond all bounds', () => {
  it.each([
    [78, 22],
    [80, 24],
    [160, 50],
    [300, 90],
  ])('keeps its form at %i×%i', async (columns, rows) => {
    await using tui = await Tui.open({ url, token: 'any' }, { columns, rows });
    await tui.shows(/VIOLATED/);
    const lines = await tui.lines();
    // The whole first amount, whatever else has to go.
    expect(lines[0]).toContain('at risk ≥ 999,999,999,999.99 CNY');
    expect(lines[0]).toMatch(/\d\d:\d\d:\d\d UTC$/);
    expect(lines[1]).toMatch(/rules rev 1234567 on 197\/200, 3 BEHIND/);
    expect(lines[rows - 1]).toMatch(/q quit$/);
    const text = lines.join('\n');
    expect(text).toMatch(/6 Instances 实例 +↓\d+/);
    expect(text).toContain('…');
    // An amount that is there is there whole.
    expect(text.match(/1,234,567,890\.12 CNY/g)?.length).toBeGreaterThan(0);
    expect(text.replaceAll('1,234,567,890.12 CNY', '')).not.toMatch(/1,234,567,8/);
    const half = (await tui.columnsFrom(Math.floor(columns / 2))).slice(3, rows - 1);
    expect(half.filter((line) => line !== '' && !/^[ ▸›]/.test(line))).toEqual([]);
  });

  it('shows a detail longer than the screen, and no control character of anybody’s data', async () => {
    await using tui = await Tui.open({ url, token: 'any' });
    await tui.shows(/VIOLATED/);
    const text = await tui.typeUntil('4i', /finding +fnd_0/);
    expect(text).toContain('an order of 很长的名字');
    expect(tui.bytes.indexOf('\u001b[2J')).toBe(-1);
    await tui.typeUntil('2j', /check +check-with-a-very-long-name-\d+ [\s\S]*╯\n/);
    expect((await tui.lines())[23]).toMatch(/q quit$/);
  });

  it('reaches the last of 200 instances', async () => {
    await using tui = await Tui.open({ url, token: 'any' });
    await tui.shows(/VIOLATED/);
    // End, as terminals send it.
    await tui.typeUntil('6z\u001b[F', /›✔ core-in-a-very-long-zone-name-199 live/);
    await tui.typeUntil('\r', /instance +core-in-a-very-long-zone-name-199/);
  });

  it('keeps the selection on its row when others come and go', async () => {
    await using tui = await Tui.open({ url, token: 'any' }, { columns: 160, rows: 50 });
    await tui.shows(/VIOLATED/);
    await tui.typeUntil('4jj', /›S0 check-with-a-very-long-name-12 /);
    served = { ...night, findings: night.findings.slice(1) };
    await tui.until('a shorter list', async () => !(await tui.text()).includes('check-with-a-very-long-name-10 '));
    expect(await tui.text()).toMatch(/›S0 check-with-a-very-long-name-12 /);
    await tui.typeUntil('i', /finding +fnd_2 /);
    served = { ...night, findings: [] };
    await tui.shows(/It is no longer there/);
  });

  it('takes an answer that does not change for an old one', async () => {
    await using tui = await Tui.open({ url, token: 'any' });
    await tui.shows(/VIOLATED/);
    frozen = true;
    await tui.shows(/STALE 数据过期 · the data is \d+s old · control says nothing new/);
    await tui.shows(/\? UNKNOWN 未知 · was VIOLATED, 999,999,999,999\.99 CNY/);
  });

  it('says what it cannot read', async () => {
    served = { ...night, verdict: 'fine' as Overview['verdict'] };
    await using tui = await Tui.open({ url, token: 'any' });
    expect(await tui.shows(/! The server answered something else/)).toMatch(/UNKNOWN/);
  });
});
