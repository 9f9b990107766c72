import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planReplay } from '../../tui/replay/plan.ts';
import { type System, startSystem } from '../support/system.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SAMPLE = join(ROOT, 'test/data/online-retail-sample.csv');
const WHOLE = join(ROOT, '../shared/data/online-retail-2010-12.csv');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp('/tmp/replay-');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the plan of a file', () => {
  it('counts every kind of the sample', async () => {
    const { tally, invoices } = await planReplay(SAMPLE);
    expect(tally).toMatchObject({ lines: 600, cancellations: 3 });
    expect(invoices).toHaveLength(tally.purchases);
    expect(tally.purchases + tally.cancellations + tally.withoutPaidLine).toBe(tally.invoices);
  });

  it.runIf(existsSync(WHOLE))('agrees with what is known of the whole file', async () => {
    const { tally } = await planReplay(WHOLE);
    expect(tally).toMatchObject({
      lines: 10_000,
      invoices: 512,
      purchases: 424,
      purchaseWorth: 18_424_833,
      cancellations: 43,
      cancellationLines: 100,
      cancellationWorth: -358_058,
      withoutPaidLine: 45,
      negativeLines: 30,
    });
  });

  it('refuses a truncated line and says where', async () => {
    const text = await readFile(SAMPLE, 'utf8');
    const file = join(folder, 'truncated.csv');
    await writeFile(file, text.slice(0, text.length - 40));
    await expect(planReplay(file)).rejects.toThrow(/line 601: .*nothing of it was played/i);
  });

  it.each([
    ['an open quote', '"536365,85123A', /line \d+/],
    [
      'a letter for a quantity',
      '536365,85123A,X,six,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
      /"six" is no quantity/,
    ],
    [
      'three digits of pence',
      '536365,85123A,X,6,2010-12-01 08:26:00,2.555,17850.0,United Kingdom',
      /more than two digits/,
    ],
    ['no date', '536365,85123A,X,6,yesterday,2.55,17850.0,United Kingdom', /"yesterday" is no date/],
  ])('refuses %s', async (_, line, message) => {
    const [header] = (await readFile(SAMPLE, 'utf8')).split('\n');
    const file = join(folder, 'bad.csv');
    await writeFile(file, `${header}\n${line}\n`);
    await expect(planReplay(file)).rejects.toThrow(message);
  });
});

describe('the replay of a file', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    await writeFile(join(system.dataDir, 'tokens.json'), JSON.stringify(system.tokens));
  });
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
  });

  async function replay(file: string): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = {
      ...process.env,
      TIDEGATE_DATA_DIR: system.dataDir,
      TIDEGATE_CORE_URL: system.one('core').url,
      TIDEGATE_CONTROL_URL: system.one('control').url,
      TIDEGATE_SANDBOX_URL: system.one('sandbox').url,
    };
    const args = ['--import', 'tsx', join(ROOT, 'tui/commands/main.ts'), 'replay', file, '--json'];
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env, cwd: ROOT });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  }

  it('makes every purchase a paid and fulfilled order, and the books agree; twice changes nothing', async () => {
    const { tally } = await planReplay(SAMPLE);
    const books = {
      moneyIn: tally.purchaseWorth,
      accounted: tally.purchaseWorth,
      channel: tally.purchaseWorth,
      fulfilled: tally.purchases,
      openFindings: 0,
    };
    for (const time of ['first', 'again']) {
      const played = await replay(SAMPLE);
      expect(played.stderr, time).toBe('');
      expect(JSON.parse(played.stdout), time).toMatchObject({ books, refused: [] });
      expect(played.code, time).toBe(0);
    }
    const [count] = await system.database.db.query({ text: 'SELECT count(*) AS orders FROM core.orders' });
    expect(count).toEqual({ orders: tally.purchases });
  }, 120_000);

  it('says in one line what is wrong with a bad file', async () => {
    const file = join(folder, 'empty.csv');
    await writeFile(file, '');
    expect(await replay(file)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^[^\n]*empty[^\n]*\n$/),
    });
    expect(await replay(join(folder, 'none.csv'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no file'),
    });
  });
});
