import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { asAdmin } from '../support/admin.ts';
import { ADDRESS, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';
import { countClears, GREEN, noTerminal, RED, Tui } from './terminal.ts';

// Real processes in a real terminal, beside whatever else this machine does.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

let system: System;
let shop: Shop;
let skuId: string;
beforeAll(async () => {
  if (noTerminal !== null) return;
  system = await startSystem();
  shop = new Shop(system);
  await sell();
});
beforeEach(({ skip }) => {
  if (noTerminal !== null) skip(noTerminal);
});
/** Control as an operator reaches it. */
const operator = (): { url: string; token: string } => ({
  url: system.one('control').url,
  token: system.tokens.operator,
});

afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
});

/** Five orders: two paid, one waits at the channel, two are not paid. */
async function sell(): Promise<void> {
  [skuId = ''] = await shop.stockUp('t-shirt', { stock: 50 });
  for (let n = 0; n < 5; n += 1) {
    const placed = await order(n);
    if (n > 2) continue;
    const paying = await shop.pay(String(placed.body['payOrderId']));
    if (n === 2) continue;
    await shop.sandbox(`/sandbox/pay/${String(paying.body['paymentId'])}`, {
      method: 'POST',
      body: { result: 'paid' },
    });
  }
}

async function order(n: number): Promise<Reply> {
  const items = [{ skuId, quantity: 1 }];
  const placed = await shop.order(
    { userId: String(1_000 + n), type: 'physical', items, address: ADDRESS },
    `order-${n}`,
  );
  expect(placed.status).toBe(201);
  return placed;
}

const PANEL_TITLES = [
  '1 Orders 订单',
  '2 Checks 核对',
  '3 Stuck 卡单',
  '4 Findings 资损',
  '5 Switches 开关',
  '6 Instances 实例',
];

describe('the first screen', () => {
  it('answers at 24×80 in its first lines, and every panel stands in its place', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/HOLDS 正常 · at risk 0\.00 · 0 open findings/);
    await tui.shows(/O2 {2}fulfilled +█+ +2 today/);
    const lines = await tui.lines();
    expect(lines.length).toBe(24);
    expect(lines[0]).toMatch(/^TIDEGATE ✔ HOLDS 正常 · at risk 0\.00 · 0 open findings +\d\d:\d\d:\d\d UTC$/);
    expect(lines[1]).toMatch(/^0 stuck · rules rev \d+ on 2\/2 · GMV today 158\.00 CNY$/);
    expect(lines[2]).toMatch(/^all \d+ checks hold/);
    expect(lines[23]).toMatch(/\? help · q quit$/);
    const text = lines.join('\n');
    for (const title of PANEL_TITLES) expect(text).toContain(title);
    expect(text).toMatch(/P7 {2}processing +█+ +1 /);
    expect(text).toMatch(/✔ captured-equals-ledger +\d+ +\d+s/);
    expect(text).toMatch(/✔ P5 {2}initialized +0\/0 +–\/1m/);
    expect(text).toMatch(/on {2}entry\.order\.create +default/);
    expect(text).toMatch(/✔ core-1 live +rev \d+/);
    // The right half begins in the same column on every line, whatever Chinese stands left of it.
    const right = (await tui.columnsFrom(40)).slice(3, 23);
    expect(right.filter((line) => line !== '' && !/^[ ▸›]/.test(line))).toEqual([]);
    expect(right.filter((line) => /^[ ▸][3-6] \w/.test(line)).length).toBe(4);
  });

  it('uses the room of 50×160, also where CI is set', async () => {
    await using tui = await Tui.open(operator(), { columns: 160, rows: 50, env: { CI: 'true' } });
    const text = await tui.shows(/7 Repairs 补偿/);
    for (const title of PANEL_TITLES) expect(text).toContain(title);
    expect(text).toContain('captured-equals-ledger 收款与账本一致');
    expect(text).toMatch(/entry\.order\.create · off: New orders are refused/);
    expect(text).toMatch(/callback-stored +\d+m?\d*s ago/);
    const right = (await tui.columnsFrom(80)).slice(3, 49);
    expect(right.filter((line) => /^[ ▸][3-6] \w/.test(line)).length).toBe(4);
    expect((await tui.lines())[49]).toMatch(/q quit$/);
  });

  it('says when the terminal is too small, and comes back when it is not', async () => {
    await using tui = await Tui.open(operator(), { rows: 20 });
    await tui.shows(/too small: 80×20, 78×22 is needed\. q quits/);
    await tui.resize(100, 30);
    await tui.shows(/1 Orders 订单/);
    expect((await tui.lines())[29]).toMatch(/q quit$/);
    await tui.resize(60, 15);
    await tui.shows(/too small: 60×15/);
    tui.type('q');
    await tui.until('the end', () => tui.afterwards !== undefined);
    expect(tui.afterwards?.exitCode).toBe(0);
  });

  it('draws what changed only: no clear of the screen while it stands', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/HOLDS/);
    const from = tui.bytes.length;
    const clocks = new Set<string>();
    await tui.until('six refreshes', async () => {
      clocks.add(/(\d\d:\d\d:\d\d) UTC/.exec(await tui.text())?.[1] ?? '');
      return clocks.size > 6;
    });
    const steady = tui.bytes.slice(from);
    expect(countClears(steady)).toBe(0);
    expect(steady).not.toContain('\u001b[?1049');
    // A few cells a second: ages and the clock. A whole screen would be 2,000 and more each time.
    expect(steady.length / 6).toBeLessThan(1_500);
    // The counter counts: ink erases a full screen once as it leaves it.
    tui.type('q');
    await tui.until('the end', () => tui.afterwards !== undefined);
    expect(countClears(tui.bytes)).toBeGreaterThan(0);
  });

  it('shows everything about a row, the help, and one panel alone', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/HOLDS/);
    await tui.typeUntil('2jjj', /›✔ captured-equals-ledger/);
    await tui.typeUntil('\r', /a green means +\S/);
    await tui.shows(/covered +(?:since the last run \d+ rows · all history \d\d:\d\d UTC|all history \d+ rows)/);
    await tui.shows(/runbook +runbooks\/captured-equals-ledger\.md/);
    await tui.typeUntil('\u001b', /1 Orders/);
    await tui.typeUntil('7', /▸7 Repairs 补偿[\s\S]*callback-stored/);
    await tui.typeUntil('\u001b', /▸5 Switches/);
    await tui.typeUntil('z', /^(?![\s\S]*1 Orders)[\s\S]*off: New orders are refused/);
    await tui.typeUntil('z?', /UNKNOWN 未知/);
    await tui.typeUntil('x', /1 Orders/);
  });

  it('takes no colour with NO_COLOR, and says everything without', async () => {
    await using tui = await Tui.open(operator(), { env: { NO_COLOR: '1' } });
    await tui.shows(/✔ HOLDS/);
    expect(await tui.coloured()).toBe('');
    await using coloured = await Tui.open(operator());
    await coloured.shows(/✔ HOLDS/);
    expect(await coloured.inColour(GREEN)).toContain('HOLDS');
  });
});

describe('what is not known', () => {
  it('is never green: control gone, and back', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/✔ HOLDS/);
    expect(await tui.inColour(GREEN)).toContain('✔');
    const control = system.one('control');
    await control.kill();
    await tui.shows(/! the data is \ds old · no answer: connection refused/);
    const text = await tui.shows(/STALE 数据过期 · the data is \d+s old · no answer: connection refused *\n/);
    expect(text).toMatch(/^TIDEGATE \? UNKNOWN 未知 · was HOLDS, 0\.00 +last \d\d:\d\d:\d\d UTC/);
    expect(text).toMatch(/\? captured-equals-ledger/);
    expect(text).toMatch(/\? core-1/);
    expect(await tui.inColour(GREEN)).toBe('');
    await control.start();
    await tui.shows(/✔ HOLDS/);
  });

  it('says so when the token ends, and what to do', async () => {
    await using tui = await Tui.open({ ...operator(), token: system.tokens.viewer });
    await tui.shows(/✔ HOLDS/);
    const set = (to: string): Promise<void> =>
      asAdmin(system.database.adminUrl, `UPDATE core.token SET ${to} WHERE name = 'viewer'`);
    await set(`revoked_at = now(), revoked_by = 'a test'`);
    const text = await tui.shows(/STALE 数据过期 · the data is \d+s old · the token is refused/);
    expect(text).toMatch(/Take one that is valid: set TIDEGATE_TOKEN, or let npm start renew/);
    expect((await tui.lines()).length).toBe(24);
    await set('revoked_at = NULL, revoked_by = NULL');
    await tui.shows(/✔ HOLDS/);
  });

  it('counts an answer that hangs as none', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/✔ HOLDS/);
    system.one('control').signal('SIGSTOP');
    await tui.shows(/STALE 数据过期 · the data is \d+s old · no answer: timed out/);
    await tui.shows(/\? UNKNOWN 未知 · was HOLDS/);
    expect(await tui.inColour(GREEN)).toBe('');
    system.one('control').signal('SIGCONT');
    await tui.shows(/✔ HOLDS/);
  });

  it('makes the verdict unknown when a check is not run any more', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/✔ HOLDS/);
    const reconcile = system.one('reconcile');
    await reconcile.stop();
    await asAdmin(
      system.database.adminUrl,
      `UPDATE reconcile.check_verdict SET finished_at = finished_at - interval '2 minutes' WHERE check_id = 'paid-iff-posted'`,
    );
    const text = await tui.shows(/\? UNKNOWN 未知 · at risk unknown \(none found yet\)/);
    expect(text).toMatch(/\? paid-iff-posted: it last ran/);
    await reconcile.start();
    await tui.shows(/✔ HOLDS/, 30_000);
  });
});

describe('money at risk', () => {
  it('stands in the first line, with its check, its finding and its age', async () => {
    await using tui = await Tui.open(operator());
    await tui.shows(/✔ HOLDS/);
    await asAdmin(
      system.database.adminUrl,
      'UPDATE core.stock SET reserved = reserved + 2, on_hand = on_hand - 2 WHERE on_hand > 2',
    );
    // The check looks at what was touched: the next order of it.
    await order(5);
    const text = await tui.shows(/✘ VIOLATED 资损 · at risk [\d,.]+ CNY · \d+ open finding/, 30_000);
    expect(text).toMatch(/violated: stock-conservation \(\d+\)/);
    expect(text).toMatch(/✘ stock-cons\S*… \d+: [\d,.]+ CNY +\d+s/);
    expect(text).toMatch(/S\d stock-conservati\S+ +[\d,.]+ CNY +\d+s/);
    expect(await tui.inColour(RED)).toContain('VIOLATED');
    await tui.typeUntil(
      '4i',
      /exposure +[\d,.]+ CNY: what the check counts[\s\S]*row key +\d+:\d+ [\s\S]*runbooks\/stock-conservation\.md/,
    );
  });
});
