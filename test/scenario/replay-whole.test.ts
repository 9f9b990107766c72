import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planReplay } from '../../tui/replay/plan.ts';
import { expectAgreement, expectTruth, ordersOf, WHOLE } from '../support/retail.ts';
import { type System, startSystem } from '../support/system.ts';
import { environmentOf, tidegate } from '../support/tidegate.ts';

const NEVER = new AbortController().signal;

describe.runIf(existsSync(WHOLE))(`the replay of the whole file (skipped without ${WHOLE})`, () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  it('makes 424 paid invoices worth 184,248.33 GBP, and the books agree; twice changes nothing', async () => {
    const { tally } = await planReplay(WHOLE, NEVER);
    expect(tally.purchases).toMatchObject({ invoices: 424, worth: 18_424_833 });
    const env = await environmentOf(system);
    for (const time of ['first', 'again']) {
      expectAgreement(await tidegate(['replay', WHOLE, '--json'], env), tally);
      expect(await ordersOf(system), time).toBe(424);
    }
    await expectTruth(system, tally);
  }, 300_000);
});
