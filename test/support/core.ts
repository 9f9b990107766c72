import type { OpenAPIHono } from '@hono/zod-openapi';
import { type CoreContext, DEFAULT_TERMS } from '../../core/context.ts';
import type { FulfilmentPort } from '../../core/fulfilment/fulfilment.port.ts';
import type { Guard, GuardPass, GuardRefusal } from '../../core/guard/guard.ts';
import type { HotelPort } from '../../core/hotel/hotel.port.ts';
import { TokenAuthenticator } from '../../core/kernel/access/authenticator.ts';
import type { Role } from '../../core/kernel/access/roles.ts';
import { createToken } from '../../core/kernel/access/tokens.ts';
import type { Answer } from '../../core/kernel/answer.ts';
import { Background } from '../../core/kernel/background.ts';
import { type Clock, systemClock } from '../../core/kernel/clock.ts';
import type { AppEnv } from '../../core/kernel/http/context.ts';
import { Mover } from '../../core/kernel/mover.ts';
import { OrderNumbers } from '../../core/kernel/order-number.ts';
import { systemRandom } from '../../core/kernel/random.ts';
import type { MarketingPort } from '../../core/marketing/marketing.port.ts';
import type { PaymentChannel } from '../../core/payments/channel.port.ts';
import type { BatcherLimits } from '../../core/stock/batcher.ts';
import { BatchedStock } from '../../core/stock/hot.ts';
import { type Reply, testApp } from './app.ts';
import { silent, type TestDatabase, testDatabase } from './database.ts';

/** A guard that lets everything in, until a test closes an entry or turns a behaviour off. */
export class OpenGuard implements Guard {
  /** Entries that refuse, such as `order.create`. */
  readonly closed = new Set<string>();
  /** Behaviours that are off, such as `marketing.coupons`. */
  readonly off = new Set<string>();
  /** Entries left: every pass must come back. */
  inside = 0;

  enter(entry: string): GuardPass | GuardRefusal {
    if (this.closed.has(entry)) {
      return { allowed: false, code: 'switched_off', rule: `entry.${entry}`, retryAfterMs: 5_000 };
    }
    this.inside += 1;
    return {
      allowed: true,
      release: () => {
        this.inside -= 1;
      },
    };
  }

  isOn(key: string): boolean {
    return !this.off.has(key);
  }
}

const unknown = (): Promise<Answer<never>> =>
  Promise.resolve({ kind: 'unknown', reason: 'nobody answers in this test' });

export function silentChannel(id = 'sandbox'): PaymentChannel {
  return {
    id,
    merchantId: 'tidegate',
    init: unknown,
    query: unknown,
    close: unknown,
    refund: unknown,
    queryRefund: unknown,
  };
}

export interface TestCoreOptions {
  /** Another core's database, to have two processes on one. Disposed by its owner. */
  readonly database?: TestDatabase;
  readonly clock?: Clock;
  readonly poolSize?: number;
  readonly batching?: BatcherLimits;
  readonly channels?: readonly PaymentChannel[];
  readonly marketing?: MarketingPort;
  readonly fulfilment?: FulfilmentPort;
  readonly hotel?: HotelPort;
}

export interface TestCore extends AsyncDisposable {
  readonly ctx: CoreContext;
  readonly guard: OpenGuard;
  readonly database: TestDatabase;
  /** The routers given, behind real tokens. */
  http(routers: readonly OpenAPIHono<AppEnv>[]): Promise<CoreClient>;
}

export interface CoreClient {
  readonly app: ReturnType<typeof testApp>['app'];
  /** `Authorization` of a token of that role; one token per role. */
  as(role: Role): Promise<Record<string, string>>;
  /** Sends JSON as that role. */
  send(role: Role, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

/**
 * Everything a command of the core works with, over a database of its own, with an outside that never answers unless
 * ports are given.
 */
export async function testCore(options: TestCoreOptions = {}): Promise<TestCore> {
  const database =
    options.database ?? (await testDatabase(options.poolSize === undefined ? {} : { poolSize: options.poolSize }));
  const clock = options.clock ?? systemClock;
  const guard = new OpenGuard();
  const background = new Background(silent);
  const channels = options.channels ?? [silentChannel()];
  const ctx: CoreContext = {
    db: database.db,
    clock,
    random: systemRandom,
    log: silent,
    mover: new Mover(clock),
    background,
    orderNumbers: new OrderNumbers(database.db, clock, `test-${systemRandom.int(1e9)}`),
    channels: new Map(channels.map((channel) => [channel.id, channel])),
    marketing: options.marketing ?? { deduct: unknown, query: unknown, rollback: unknown },
    fulfilment: options.fulfilment ?? {
      init: unknown,
      query: unknown,
      cancel: unknown,
      returnInit: unknown,
      returnQuery: unknown,
    },
    hotel: options.hotel ?? { lock: unknown, query: unknown, release: unknown },
    guard,
    hotStock: new BatchedStock({ db: database.db, clock, guard, log: silent, background }, options.batching),
    terms: DEFAULT_TERMS,
  };
  const disposables: Disposable[] = [];
  return {
    ctx,
    guard,
    database,
    http: async (routers) => {
      const authenticator = new TokenAuthenticator({ sql: database.db, clock, log: silent });
      disposables.push(authenticator);
      return client(ctx, testApp(routers, { auth: authenticator }));
    },
    [Symbol.asyncDispose]: async () => {
      for (const disposable of disposables) disposable[Symbol.dispose]();
      await background[Symbol.asyncDispose]();
      if (options.database === undefined) await database[Symbol.asyncDispose]();
    },
  };
}

function client(ctx: CoreContext, testApp: ReturnType<typeof import('./app.ts').testApp>): CoreClient {
  const headersByRole = new Map<Role, Promise<Record<string, string>>>();
  const issue = async (role: Role): Promise<Record<string, string>> => {
    const made = await createToken(ctx.db, ctx, { name: `a ${role}`, role, issuedBy: 'a test', ttlMs: 3_600_000 });
    if (!made.ok) throw new Error(made.detail);
    return { authorization: `Bearer ${made.value.token}` };
  };
  const as = (role: Role): Promise<Record<string, string>> => {
    let headers = headersByRole.get(role);
    if (headers === undefined) {
      headers = issue(role);
      headersByRole.set(role, headers);
    }
    return headers;
  };
  return {
    app: testApp.app,
    as,
    send: async (role, method, path, body, headers = {}) =>
      testApp.send(method, path, body, { ...(await as(role)), ...headers }),
  };
}
