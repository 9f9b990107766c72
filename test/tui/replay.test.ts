import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE } from '../support/retail.ts';
import { scratch, tidegate } from '../support/tidegate.ts';

let folder: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  folder = await scratch();
  await writeFile(join(folder.path, 'empty.csv'), '');
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** A port where nobody listens. */
async function nowhere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

const OFFLINE = { TIDEGATE_TOKEN: 'tg_nobody' };

describe('replay without a system', () => {
  it.each([
    ['a negative speed', [SAMPLE, '--speed', '-1'], /'-1' is invalid. must be a number above 0, such as 3600, or max/],
    ['no speed', [SAMPLE, '--speed', 'fast'], /'fast' is invalid/],
    ['half a shopper', [SAMPLE, '--shoppers', '1.5'], /must be a whole number from 1 to 256/],
    ['an unknown option', [SAMPLE, '--sped', '5'], /unknown option '--sped'[\s\S]*Did you mean --speed/],
    ['no file', [], /missing required argument 'file'/],
    ['two files', [SAMPLE, SAMPLE], /too many arguments/],
    ['a file that is not there', ['/nowhere/sales.csv'], /^there is no file \/nowhere\/sales\.csv\n$/],
    ['a folder', ['/'], /^\/ is a folder; name a CSV file in it\n$/],
  ])('%s: one message, exit 2', async (_, args, message) => {
    const ended = await tidegate(['replay', ...args], OFFLINE);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  it('a bad file: one line that names file, line and what to do', async () => {
    const file = join(folder.path, 'empty.csv');
    expect(await tidegate(['replay', file], OFFLINE)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${file}, line 1: the file is empty. Mend the file; nothing of it was played.\n`,
    });
  });

  it('a system that is not running: says so at once, and what to do', async () => {
    const [core, sandbox, control] = [await nowhere(), await nowhere(), await nowhere()];
    const env = { TIDEGATE_CORE_URL: core, TIDEGATE_SANDBOX_URL: sandbox, TIDEGATE_CONTROL_URL: control };
    const ended = await tidegate(['replay', SAMPLE], { ...OFFLINE, ...env });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(
      /^the core is not there: \S+ does not answer \(connection refused\)\. Start the system with npm start; nothing was played\.\n$/,
    );
  });

  it('no token: names the file where it was looked for', async () => {
    const ended = await tidegate(['replay', SAMPLE], { TIDEGATE_DATA_DIR: folder.path });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toBe(
      `no token: ${join(folder.path, 'tokens.json')} cannot be read. Start the system with npm start, or set TIDEGATE_TOKEN\n`,
    );
  });

  it('a dry run says what a file holds and needs nobody', async () => {
    const { code, stdout, stderr } = await tidegate(['replay', SAMPLE, '--dry-run'], {});
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      '447 lines in 45 invoices, 2010-12-01 to 2010-12-05',
      '  29 purchases worth 7,168.61 GBP, played; 6 by guests',
      '      430 lines, 1 of them free, 10 charges',
      '  5 cancellations, not played',
      '      6 lines worth -78.50 GBP; 3 match an earlier purchase, 3 do not',
      '  11 without a paid line (gifts, stock adjustments), not played',
      '      11 lines',
      'Untidy, as real data are',
      '  4 negative lines outside cancellations',
      '  12 lines at price 0, 8 without description',
      '  114 lines without customer, in 17 invoices',
      '  codes that are no goods: BANK CHARGES, C2, D, DOT, M, POST',
      '  the same code again within an invoice: 11, at two prices: 2',
      '  codes with several prices: 19',
      '  longest invoice: 81 lines',
      '',
    ]);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('explains itself, exit codes included', async () => {
    const { code, stdout } = await tidegate(['replay', '--help'], {});
    expect(code).toBe(0);
    for (const word of ['--speed', '--shoppers', '--dry-run', '--json', 'Exit codes:', '130'])
      expect(stdout).toContain(word);
  });
});
