import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Transaction } from './recording.ts';
import type { Goods } from './shoppers.ts';

const run = promisify(execFile);

/** Marks orders that pgbench wrote: where ours have the machine's number. */
export const PGBENCH_MACHINE = '999';

export interface Recorded {
  readonly transactions: readonly Transaction[];
  readonly userId: number;
  readonly skuId: number;
  readonly goods: Goods;
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}/;
/** What differs from order to order: order numbers, our ids, digests. */
const UNIQUE = /\b\d{19}\b|\b(?:pay|cap|shp|cb|key|txn|ct|evt)_[0-9a-z]{26}\b|\b[0-9a-f]{64}\b/g;

/**
 * The recorded order as a script that pgbench can play any number of times: the same statements in the same transactions.
 * What is of this one order becomes a variable: its two numbers, ids of the same form and length, the user, the SKU.
 * Times become `now()` plus the recorded distance. Everything else stays as it was recorded. `pipelined`: each
 * transaction goes out as a whole, without waiting for any of its answers.
 */
export function pgbenchScript({ transactions, userId, skuId, goods }: Recorded, how: 'plain' | 'pipelined'): string {
  const numbers: string[] = [];
  const expression = (value: string | null): string => {
    if (value === null) return 'NULL';
    if (value === String(userId)) return ':user';
    if (value === String(skuId)) return ':sku';
    if (value === `{${skuId}}`) return `('{' || :sku || '}')`;
    if (TIMESTAMP.test(value)) return `(now() + interval '${distanceSeconds(value)} s')`;
    const parts: string[] = [];
    let at = 0;
    for (const { 0: found, index } of value.matchAll(UNIQUE)) {
      if (index > at) parts.push(quoted(value.slice(at, index)));
      parts.push(variable(found, numbers));
      at = index + found.length;
    }
    if (parts.length === 0) return quoted(value);
    if (at < value.length) parts.push(quoted(value.slice(at)));
    // Text does not become jsonb by itself as an untyped parameter does.
    return `(${parts.join(' || ')})${/^[{[]["{[]/.test(value) && isJson(value) ? '::jsonb' : ''}`;
  };
  const lines = transactions.flatMap(({ explicit, statements }) => {
    const texts = statements.map(({ text, values }) => {
      const filled = text.replace(/\$(\d+)/g, (_, n: string) => expression(values[Number(n) - 1] ?? null));
      return `${filled.replace(/\s+/g, ' ').trim()};`;
    });
    if (!explicit) return texts;
    const whole = ['BEGIN;', ...texts, 'COMMIT;'];
    return how === 'plain' ? whole : ['\\startpipeline', ...whole, '\\endpipeline'];
  });
  return [
    '\\set n :n + 1',
    '\\set first :base + (:n * 64 + :client_id) * 2',
    '\\set second :first + 1',
    '\\set user random(1, 1000000)',
    `\\set sku random(${goods.firstSku}, ${goods.firstSku + goods.skus - 1})`,
    ...lines,
    '',
  ].join('\n');
}

function variable(found: string, numbers: string[]): string {
  if (/^\d{19}$/.test(found)) {
    if (!numbers.includes(found)) numbers.push(found);
    const place = numbers.indexOf(found);
    if (place > 1) throw new Error(`the recording names a third order number ${found}`);
    return place === 0 ? ':first' : ':second';
  }
  const prefix = /^[a-z]+_/.exec(found)?.[0];
  if (prefix === undefined) return `lpad(:first, 64, '0')`;
  return `'${prefix}0000000' || :first`;
}

/** As an SQL literal in which pgbench sees no variable. */
function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "''");
  if (escaped === text && !text.includes(':')) return `'${text}'`;
  return `E'${escaped.replaceAll(':', '\\x3a')}'`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function distanceSeconds(text: string): number {
  return Math.round((new Date(text).getTime() - Date.now()) / 1_000);
}

export interface PgbenchRun {
  readonly tps: number;
  readonly processed: number;
  readonly latencyMs: number;
}

export interface PgbenchOptions {
  readonly url: string;
  readonly script: string;
  readonly directory: string;
  readonly clients: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Plays a script with `-M prepared`; throws what pgbench says when any transaction fails. */
export async function runPgbench(options: PgbenchOptions): Promise<PgbenchRun> {
  const file = join(options.directory, 'order.pgbench.sql');
  await writeFile(file, options.script);
  const { hostname, port, username, password, pathname } = new URL(options.url);
  const base = `${Math.floor(Date.now() / 1_000)}${PGBENCH_MACHINE}000000`;
  const load = ['-n', '-M', 'prepared', '-f', file, '-c', String(options.clients), '-j', '2'];
  const args = [...load, '-T', String(options.seconds), '-D', 'n=0', '-D', `base=${base}`];
  const env = { PATH: process.env['PATH'] ?? '', PGPASSWORD: password };
  const to = ['-h', hostname, '-p', port, '-U', username, pathname.slice(1)];
  const { stdout } = await run('pgbench', [...args, ...to], { env, signal: options.signal });
  const figure = (pattern: RegExp): number => {
    const found = pattern.exec(stdout)?.[1];
    if (found === undefined) throw new Error(`pgbench said something else: ${stdout}`);
    return Number(found);
  };
  return {
    tps: figure(/^tps = ([\d.]+)/m),
    processed: figure(/transactions actually processed: (\d+)/),
    latencyMs: figure(/latency average = ([\d.]+) ms/),
  };
}

/** The version of pgbench, or null where there is none. */
export async function pgbenchVersion(): Promise<string | null> {
  try {
    return (await run('pgbench', ['--version'])).stdout.trim();
  } catch {
    return null;
  }
}
