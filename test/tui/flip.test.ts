import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SwitchView, switchView } from '../../control/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, http, type Reply, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';
import { noTerminal, Tui } from './terminal.ts';

// Real processes in a real terminal, beside whatever else this machine does.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const KEY = 'entry.order.create';
const PASTE_BEGINS = '\u001b[200~';
const PASTE_ENDS = '\u001b[201~';
const ESC = '\u001b';

let system: System;
let shop: Shop;
let skuId: string;
beforeAll(async () => {
  if (noTerminal !== null) return;
  system = await startSystem();
  shop = new Shop(system);
  [skuId = ''] = await shop.stockUp('t-shirt', { stock: 50 });
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

async function theSwitch(): Promise<SwitchView> {
  const { body } = await http(`${system.one('control').url}/v1/switches/${KEY}`, { token: system.tokens.viewer });
  return switchView.parse(body);
}

/** Somebody else's flip, over HTTP. */
async function flipElsewhere(on: boolean): Promise<void> {
  const { version } = await theSwitch();
  const flipped = await http(`${system.one('control').url}/v1/switches/${KEY}?waitMs=5000`, {
    method: 'PUT',
    token: system.tokens.admin,
    headers: { 'if-match': `"${version}"` },
    body: { on, reason: 'flipped by somebody else' },
  });
  expect(flipped.status).toBe(200);
}

let orders = 0;
function order(): Promise<Reply> {
  orders += 1;
  const items = [{ skuId, quantity: 1 }];
  return shop.order({ userId: '1001', type: 'physical', items, address: ADDRESS }, `order-${orders}`);
}

/** Opens the dialog of the switch, which is the first one. */
async function openDialog(tui: Tui, word: 'on' | 'off'): Promise<void> {
  await tui.shows(/▸5 Switches/);
  await tui.typeUntil('\r', new RegExp(`Turn ${word.toUpperCase()} 切换: ${KEY}`));
}

describe('a flip by keys', () => {
  it('asks why and for the word, closes the entry on core, and says when every instance enforces it', async () => {
    await using tui = await Tui.open(operator());
    await openDialog(tui, 'off');
    await tui.shows(/While it is OFF: New orders are refused with 503/);
    await tui.typeUntil('数据库慢\r', /Type off to flip it, anything else is No \[No\]/);
    expect((await order()).status).toBe(201);
    tui.type('off\r');
    await tui.shows(/✔ entry\.order\.create is OFF by revision \d+: enforced by 2\/2 after \d+ ms/);
    // The toast said "enforced", so core must refuse by now: no waiting here.
    const refused = await order();
    expect(refused.status).toBe(503);
    expect(refused.body.code).toBe('switched_off');
    await tui.shows(/›! OFF entry\.order\.create +\d+s/);
    expect(await theSwitch()).toMatchObject({ on: false, reason: '数据库慢', updatedBy: 'operator' });

    await openDialog(tui, 'on');
    await tui.typeUntil('over again\r', /Type on to flip it/);
    // The old success must not stand there as if it were this one's.
    const declined = await tui.typeUntil(
      'wrong\r',
      /1 Orders[\s\S]*Nothing was changed: entry\.order\.create is not flipped, the answer was not the\s+word on/,
    );
    expect(declined).not.toContain('✔ entry.order.create');
    expect(await theSwitch()).toMatchObject({ on: false });

    await openDialog(tui, 'on');
    await tui.typeUntil('over again\r', /Type on to flip it/);
    await tui.typeUntil('ON\r', /✔ entry\.order\.create is on by revision \d+: enforced by 2\/2/);
    expect((await order()).status).toBe(201);
  });

  it('is no flip by default: not by Enter, not by another word, not by Esc, not by a paste', async () => {
    const before = await theSwitch();
    await using tui = await Tui.open(operator());
    const closed = /1 Orders 订单[\s\S]*– Nothing was changed: entry\.order\.create is not flipped/;
    for (const answer of ['\r', 'yes\r', 'offf\r', 'on\r', ESC]) {
      await openDialog(tui, 'off');
      await tui.typeUntil('a reason\r', /Type off to flip it/);
      await tui.typeUntil(answer, closed);
    }
    await openDialog(tui, 'off');
    await tui.typeUntil(ESC, closed);
    await openDialog(tui, 'off');
    await tui.typeUntil('no\r', /3 letters or more/);
    await tui.typeUntil(ESC, closed);
    await openDialog(tui, 'off');
    // A paste is one line of reason, and what lies behind its Enter answers nothing.
    await tui.typeUntil(`${PASTE_BEGINS}pasted\roff\r${PASTE_ENDS}`, /Reason 原因: pasted off ▏/);
    await tui.typeUntil('\r', /Type off to flip it/);
    await tui.typeUntil(`${PASTE_BEGINS}off${PASTE_ENDS}x`, /\[No\]: x▏/);
    await tui.typeUntil(ESC, closed);
    await openDialog(tui, 'off');
    // A terminal without bracketed paste sends it as keys in one piece: the question was not seen yet.
    await tui.typeUntil('pasted\roff\r', /Type off to flip it, anything else is No \[No\]: ▏/);
    await tui.typeUntil(ESC, closed);
    expect(await theSwitch()).toEqual(before);
  });

  it('is refused when somebody else was faster, and says who', async () => {
    await using tui = await Tui.open(operator());
    await openDialog(tui, 'off');
    await tui.typeUntil('too late\r', /Type off to flip it/);
    await flipElsewhere(false);
    await tui.shows(/! admin has changed it meanwhile: it is OFF\. Esc, and look again\./);
    await tui.typeUntil(
      'off\r',
      /✘ entry\.order\.create is not flipped: It was changed since you read it: [\s\S]*\(Esc closes/,
    );
    expect(await theSwitch()).toMatchObject({ on: false, updatedBy: 'admin' });
    await tui.typeUntil(ESC, /z zoom/);
    await flipElsewhere(true);
  });

  it('is refused to a viewer, with the role that is needed', async () => {
    const before = await theSwitch();
    await using tui = await Tui.open(operator(), { token: system.tokens.viewer });
    await openDialog(tui, 'off');
    await tui.typeUntil('a viewer tries\r', /Type off to flip it/);
    await tui.typeUntil('off\r', /✘ entry\.order\.create is not flipped: [\s\S]*role operator or above/);
    expect(await theSwitch()).toEqual(before);
  });

  it('is impossible with --readonly', async () => {
    await using tui = await Tui.open(operator(), { args: ['--readonly'] });
    await tui.shows(/read only · \d\d:\d\d:\d\d UTC/);
    expect(await tui.text()).not.toContain('Enter flip');
    const text = await tui.typeUntil('\r', /off means +New orders are refused/);
    expect(text).not.toContain('Turn OFF');
  });
});

describe('an instance that does not follow', () => {
  it('is named until it does', async () => {
    await using tui = await Tui.open(operator());
    await openDialog(tui, 'off');
    await tui.typeUntil('core hangs\r', /Type off to flip it/);
    const core = system.one('core');
    core.signal('SIGSTOP');
    tui.type('off\r');
    try {
      await tui.shows(/! entry\.order\.create is OFF by revision \d+: enforced by 1\/2, not by core-1 \(/);
      await tui.shows(/rules rev \d+ on 1\/2, 1 BEHIND/);
      await tui.shows(/✘ core-1 silent · silent for \d+ s/);
    } finally {
      core.signal('SIGCONT');
    }
    await tui.shows(/✔ entry\.order\.create is OFF by revision \d+: enforced by 2\/2/);
    await flipElsewhere(true);
    await eventually(async () => (await order()).status === 201);
  });
});

describe('a person who leaves before the answer', () => {
  it('is told that the flip is not known', async () => {
    await using tui = await Tui.open(operator());
    await openDialog(tui, 'off');
    await tui.typeUntil('in a hurry\r', /Type off to flip it/);
    const control = system.one('control');
    control.signal('SIGSTOP');
    try {
      await tui.typeUntil('off\r', /… flipping entry\.order\.create/);
      await tui.typeUntil('q', /not known whether entry\.order\.create was flipped: look at the switch/);
      expect(tui.onItsOwnScreen).toBe(false);
    } finally {
      control.signal('SIGCONT');
    }
    // It may have happened or not: whichever comes first now, the other is refused as stale.
    await eventually(() => flipElsewhere(true));
  });
});

describe('control that dies under a flip', () => {
  it('leaves it unknown, not failed', async () => {
    await using tui = await Tui.open(operator());
    await openDialog(tui, 'off');
    await tui.typeUntil('control dies\r', /Type off to flip it/);
    const control = system.one('control');
    await control.kill();
    await tui.typeUntil('off\r', /\? not known whether entry\.order\.create was flipped: [\s\S]*Look at the switch/);
    await control.start();
    await tui.shows(/✔ HOLDS/);
  });
});
