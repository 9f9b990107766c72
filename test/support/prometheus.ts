import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../core/kernel/clock.ts';
import { freePort } from '../../core/kernel/ports.ts';
import { eventually } from './eventually.ts';

/**
 * Why a test that needs Prometheus is skipped; `undefined` where it is installed. `.ci/run` installs it, so there a
 * missing one is a failure and no reason to skip.
 */
export function whyNoPrometheus(): string | undefined {
  const missing = ['prometheus', 'promtool'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length === 0) return undefined;
  const reason = `${missing.join(' and ')} not found on the PATH (Debian: apt-get install prometheus)`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** The values in the order of time; of an instant query, one. */
  readonly values: readonly number[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: unknown;
}

/** A real Prometheus on a free port with a directory of its own. */
export class Prometheus implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, child: ChildProcess, dir: string) {
    this.url = url;
    this.#child = child;
    this.#dir = dir;
  }

  /** `config` is the text of a prometheus.yml. */
  static async start(config: string): Promise<Prometheus> {
    const dir = await mkdtemp('/var/tmp/tidegate-prometheus-');
    const file = join(dir, 'prometheus.yml');
    await writeFile(file, config);
    const address = `127.0.0.1:${await freePort()}`;
    const flags = [`--config.file=${file}`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=${address}`];
    const child = spawn('prometheus', [...flags, '--log.level=error'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-5_000);
    });
    const prometheus = new Prometheus(`http://${address}`, child, dir);
    try {
      await eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(`prometheus ended: ${output}`);
          const answer = await fetch(`${prometheus.url}/-/ready`, { signal: AbortSignal.timeout(1_000) });
          return answer.status === 200;
        },
        { timeoutMs: 20_000, everyMs: 50 },
      );
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
    return prometheus;
  }

  /** Values now. Throws with Prometheus' words when the query is none. */
  async now(query: string): Promise<Sample[]> {
    const result = await this.#ask<{ metric: Record<string, string>; value: [number, string] }>('query', { query });
    return result.map(({ metric, value }) => ({ labels: metric, values: [Number(value[1])] }));
  }

  /** Values of the last `seconds`, one a second. */
  async over(query: string, seconds: number): Promise<Sample[]> {
    const end = systemClock.now().getTime() / 1000;
    const range = { start: String(end - seconds), end: String(end), step: '1' };
    const result = await this.#ask<{ metric: Record<string, string>; values: [number, string][] }>('query_range', {
      query,
      ...range,
    });
    return result.map(({ metric, values }) => ({ labels: metric, values: values.map(([, value]) => Number(value)) }));
  }

  /** The query as Prometheus would write it: proof that it parses. */
  async format(query: string): Promise<string> {
    return String(await this.#get('format_query', { query }));
  }

  async labelValues(label: string, match: string): Promise<string[]> {
    return (await this.#get(`label/${label}/values`, { 'match[]': match })) as string[];
  }

  async #ask<Series>(path: string, parameters: Record<string, string>): Promise<Series[]> {
    return ((await this.#get(path, parameters)) as { result: Series[] }).result;
  }

  async #get(path: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`, {
      signal: AbortSignal.timeout(10_000),
    });
    const answer = (await response.json()) as Answer;
    if (answer.status !== 'success') throw new Error(`${parameters['query'] ?? path}: ${answer.error}`);
    return answer.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}
