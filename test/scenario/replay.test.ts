import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planReplay } from '../../tui/replay/plan.ts';
import type { Tally } from '../../tui/replay/tally.ts';
import { eventually } from '../support/eventually.ts';
import { expectAgreement, expectTruth, ordersOf, SAMPLE } from '../support/retail.ts';
import { faultsAnswer, Shop } from '../support/shop.ts';
import { type System, startSystem } from '../support/system.ts';
import { environmentOf, start, tidegate } from '../support/tidegate.ts';

const NEVER = new AbortController().signal;
type Env = Readonly<Record<string, string>>;

describe('the replay of the sample', () => {
  let system: System;
  let env: Env;
  let tally: Tally;
  beforeAll(async () => {
    ({ tally } = await planReplay(SAMPLE, NEVER));
    system = await startSystem();
    env = await environmentOf(system);
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it('refuses tokens that are not taken, before anything is done', async () => {
    const wrong = await tidegate(['replay', SAMPLE], { ...env, TIDEGATE_TOKEN: 'tg_wrong' });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/^the core refuses the token "merchant": .* Nothing was played\.\n$/);
    const viewer = await tidegate(['replay', SAMPLE], { ...env, TIDEGATE_TOKEN: system.tokens.viewer });
    expect(viewer).toMatchObject({ code: 2, stdout: '' });
    expect(viewer.stderr).toMatch(/"merchant": The token has not the role for this.*Nothing was played/);
    const products = await system.database.db.query({ text: 'SELECT 1 FROM core.spu' });
    expect(products).toEqual([]);
  });

  it('is stopped by Ctrl-C, says how far it came, and goes on; what had been closed meanwhile is bought anew', async () => {
    const shop = new Shop(system);
    // With the channel away no shopper gets further than pressing pay, so the stop finds orders that are not paid.
    await shop.sandbox('/sandbox/faults', {
      method: 'PUT',
      body: { seed: 1, faults: [{ service: 'channel', operation: 'init', kind: 'outage' }] },
    });
    const { child, ended } = start(['replay', SAMPLE, '--shoppers', '4'], env);
    await eventually(async () => (await ordersOf(system)) >= 4, { timeoutMs: 30_000 });
    child.kill('SIGINT');
    const stopped = await ended;
    expect(stopped).toMatchObject({ code: 130, stdout: '' });
    expect(stopped.stderr).toMatch(
      /stopped by SIGINT; 0 of 29 invoices were paid\. Run the same command again to go on: what is paid stays paid, and nothing is done twice\.\n$/,
    );
    await shop.sandbox('/sandbox/faults', { method: 'DELETE' });
    const begun = await system.database.db.query<{ id: string }>({ text: 'SELECT id FROM core.orders' });
    expect(begun.length).toBeGreaterThanOrEqual(4);
    for (const { id } of begun) {
      const body = { reason: 'the shopper left' };
      expect(await shop.core(`/v1/orders/${id}/cancel`, { method: 'POST', body })).toMatchObject({ status: 200 });
    }
    await eventually(
      async () => {
        const open = await system.database.db.query({ text: `SELECT id FROM core.orders WHERE state <> 'O4'` });
        expect(open).toEqual([]);
      },
      { timeoutMs: 30_000 },
    );
    expectAgreement(await tidegate(['replay', SAMPLE, '--json'], env), tally);
    expect(await ordersOf(system)).toBe(tally.purchases.invoices + begun.length);
    await expectTruth(system, tally);
  }, 120_000);

  it('run again it changes nothing, and tells a pipe in plain lines how it goes', async () => {
    const before = await ordersOf(system);
    const again = await tidegate(['replay', SAMPLE, '--speed', '1000000000'], env);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/Played: 29 paid, 29 fulfilled, 0 refused\n/);
    expect(again.stdout).toMatch(
      /money in +7,168\.61 GBP\n {2}money accounted +7,168\.61 GBP\n {2}channel's truth +7,168\.61 GBP\n/,
    );
    expect(again.stdout).toMatch(/open findings {5}0\n✔ the books agree to the penny\n$/);
    expect(again.stderr).toMatch(/^(\w+: \d+ of \d+ after \d+ s\n)+$/);
    expect(again.stderr).toMatch(/invoices: 29 of 29 after \d+ s\nbooks: 29 of 29 after \d+ s\n$/);
    expect(await ordersOf(system)).toBe(before);
    await expectTruth(system, tally);
  }, 120_000);

  it('with control away it plays, and says that the checks are not known', async () => {
    await system.one('control').kill();
    const ended = await tidegate(['replay', SAMPLE], env);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/checks {12}http:\S+ does not answer/);
    expect(ended.stdout).toMatch(
      /open findings {5}not known\n✘ the books agree, but what the checks say is not known\n$/,
    );
    await system.one('control').start();
  }, 120_000);
});

describe('the replay of the sample while replies are lost and processes die', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ env: { TIDEGATE_LOG_LEVEL: 'fatal' } });
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it('goes on by itself and ends with the same totals', async () => {
    const { tally } = await planReplay(SAMPLE, NEVER);
    const shop = new Shop(system);
    const faults = ['channel', 'marketing', 'fulfilment'].map((service) => ({
      service,
      kind: 'reply_lost',
      probability: 0.3,
    }));
    await shop.sandbox('/sandbox/faults', { method: 'PUT', body: { seed: 5, faults } });
    // A day of the file in half a minute: there is a middle in which to die.
    const { ended } = start(['replay', SAMPLE, '--json', '--speed', '36000'], await environmentOf(system));
    for (const { orders, kinds } of [
      { orders: 3, kinds: ['core', 'reconcile'] as const },
      { orders: 14, kinds: ['core'] as const },
    ]) {
      await eventually(async () => (await ordersOf(system)) >= orders, { timeoutMs: 60_000 });
      await Promise.all(kinds.map((kind) => system.one(kind).kill()));
      await Promise.all(kinds.map((kind) => system.one(kind).start()));
    }
    expect(await ordersOf(system)).toBeLessThan(tally.purchases.invoices);
    expectAgreement(await ended, tally);
    const { faults: struck } = faultsAnswer.parse((await shop.sandbox('/sandbox/faults')).body);
    for (const { service, fired } of struck) if (service !== 'marketing') expect(fired, service).toBeGreaterThan(5);
    await expectTruth(system, tally);
  }, 180_000);
});
