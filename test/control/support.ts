import { buildControl, type Control, type ControlDeps } from '../../control/app.ts';
import type { SwitchDeclaration } from '../../core/guard/declarations.ts';
import { createGuard, type LiveGuard } from '../../core/guard/live.ts';
import type { Role } from '../../core/kernel/access/roles.ts';
import { createToken } from '../../core/kernel/access/tokens.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import type { Database } from '../../core/kernel/db/database.ts';
import { type Served, serve } from '../../core/kernel/http/serve.ts';
import { createMetrics, type Metrics } from '../../core/kernel/metrics.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import { COUPONS, ENTRY } from '../guard/support.ts';
import { collectingLog, type Reply, readReply } from '../support/app.ts';
import { silent, type TestDatabase, testDatabase } from '../support/database.ts';

/** A control service over HTTP with a database of its own (or another one's), and tokens for everybody. */
export interface TestControl extends AsyncDisposable {
  readonly control: Control;
  readonly database: TestDatabase;
  readonly served: Served;
  readonly metrics: Metrics;
  readonly records: () => Record<string, unknown>[];
  token(role: Role, name?: string): Promise<string>;
  send(
    role: Role | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  /** Flips a switch at the version it has now. */
  flip(key: string, on: boolean, options?: { waitMs?: number; reason?: string }): Promise<Reply>;
  /** A guard that follows this control. */
  guard(name: string, dataDir: string): Promise<LiveGuard>;
}

export interface TestControlOptions extends Partial<Pick<ControlDeps, 'checks' | 'repairs'>> {
  readonly database?: TestDatabase;
  readonly switches?: readonly SwitchDeclaration[];
  readonly port?: number;
}

export async function testControl(options: TestControlOptions = {}): Promise<TestControl> {
  const database = options.database ?? (await testDatabase());
  const { log, records } = collectingLog();
  const metrics = createMetrics('control');
  const control = await buildControl({
    db: database.db,
    clock: systemClock,
    log,
    metrics,
    instance: 'control-1',
    switches: options.switches ?? [ENTRY, COUPONS],
    checks: options.checks ?? [],
    repairs: options.repairs ?? [],
  });
  const served = await serve(control.app, {
    host: '127.0.0.1',
    port: options.port ?? 0,
    log,
    signal: new AbortController().signal,
    name: 'control',
    drainMs: 500,
  });
  const tokens = new Map<string, Promise<string>>();
  const token = (role: Role, name = `a ${role}`): Promise<string> => {
    const made = tokens.get(`${role} ${name}`) ?? issueToken(database.db, role, name);
    tokens.set(`${role} ${name}`, made);
    return made;
  };
  const send: TestControl['send'] = async (role, method, path, body, headers = {}) => {
    const authorization = role === undefined ? {} : { authorization: `Bearer ${await token(role)}` };
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(new URL(path, served.url), {
      method,
      headers: { ...authorization, ...json, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return readReply(response);
  };
  return {
    control,
    database,
    served,
    metrics,
    records,
    token,
    send,
    flip: async (key, on, { waitMs = 2_000, reason = 'a test flips it' } = {}) => {
      const { headers } = await send('viewer', 'GET', `/v1/switches/${key}`);
      const match = { 'if-match': headers.get('etag') ?? '' };
      return send('operator', 'PUT', `/v1/switches/${key}?waitMs=${waitMs}`, { on, reason }, match);
    },
    guard: async (name, dataDir) =>
      createGuard({
        process: 'core',
        switches: options.switches ?? [ENTRY, COUPONS],
        config: { dataDir, instance: name, controlUrl: served.url, instanceToken: await token('instance', name) },
        clock: systemClock,
        random: systemRandom,
        log: silent,
        metrics: createMetrics('core'),
      }),
    [Symbol.asyncDispose]: async () => {
      await served[Symbol.asyncDispose]();
      await control[Symbol.asyncDispose]();
      if (options.database === undefined) await database[Symbol.asyncDispose]();
    },
  };
}

export async function issueToken(db: Database, role: Role, name: string, ttlMs = 3_600_000): Promise<string> {
  const made = await createToken(db, { clock: systemClock }, { name, role, issuedBy: 'a test', ttlMs });
  if (!made.ok) throw new Error(made.detail);
  return made.value.token;
}
