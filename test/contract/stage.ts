import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coreApp } from '../../core/app.ts';
import { importProduct } from '../../core/catalog/catalog.import.ts';
import { changeState } from '../../core/catalog/catalog.ts';
import type { CoreContext } from '../../core/context.ts';
import type { Role } from '../../core/kernel/access/roles.ts';
import { createToken } from '../../core/kernel/access/tokens.ts';
import { loadConfig, requireServer } from '../../core/kernel/config.ts';
import type { App } from '../../core/kernel/http/app.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { pay } from '../../core/payments/payments.ts';
import { type Reply, readReply } from '../support/app.ts';
import { type OpenGuard, type TestCore, testCore } from '../support/core.ts';
import { silent } from '../support/database.ts';
import { placed } from '../support/orders.ts';
import { fakeOutside } from '../support/outside.ts';
import { WEBHOOK_SECRET } from '../support/sandbox.ts';

/** What a route cannot know from its own description: filled in by the set-up of its example run. */
export interface Known {
  /** Members of the path, such as `orderId`; those not given are taken from the description's own examples. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Changes members of the documented body that name something that was made just now. */
  readonly body?: (example: Record<string, unknown>) => unknown;
  /** The body of a route that documents none. */
  readonly text?: string;
}

/** How the documented example of one route is run. */
export interface ExampleRun {
  /** What must be there before. Nothing is, but a T-shirt on the shelf: SPU 10001 with SKUs 100001 and 100002. */
  readonly setUp?: (stage: Stage) => Promise<Known>;
  /** Default: the highest good status that is documented. */
  readonly status?: number;
}

/** The example runs of one room, by `POST /v1/orders`. */
export interface ExampleRuns {
  /** The name of its file. */
  readonly id: string;
  readonly runs: Readonly<Record<string, ExampleRun>>;
}

const NEVER = new AbortController().signal;

/** A whole core over a database of its own, with the outside in memory, on which one example is run. */
export class Stage implements AsyncDisposable {
  readonly core: TestCore;
  readonly outside: ReturnType<typeof fakeOutside>;
  readonly app: App & Disposable;

  private constructor(core: TestCore, outside: ReturnType<typeof fakeOutside>, app: App & Disposable) {
    this.core = core;
    this.outside = outside;
    this.app = app;
  }

  static async open(): Promise<Stage> {
    const outside = fakeOutside();
    const core = await testCore({ ...outside.options, poolSize: 4 });
    const config = loadConfig('core', {
      DATABASE_URL: core.database.appUrl,
      TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    });
    requireServer(config);
    const app = coreApp({ context: core.ctx, metrics: createMetrics('core') }, config, silent);
    await stockUp(core.ctx);
    return new Stage(core, outside, app);
  }

  get ctx(): CoreContext {
    return this.core.ctx;
  }

  get guard(): OpenGuard {
    return this.core.guard;
  }

  /** An unpaid order of one T-shirt by user 1001. */
  async order(): Promise<{ readonly payOrderId: string; readonly orderId: string }> {
    const { payOrderId, orders } = await placed(this.ctx, [100_001], { userId: 1001 });
    return { payOrderId, orderId: orders[0]?.orderId ?? '' };
  }

  /** The same with pay pressed: the shopper is at the channel. */
  async atTheChannel() {
    const order = await this.order();
    const pressed = await pay(this.ctx, { payOrderId: order.payOrderId, channel: 'sandbox' }, NEVER);
    if (!pressed.ok) throw new Error(pressed.detail);
    return { ...order, paymentId: pressed.value.paymentId };
  }

  /** The same, paid at once and on its way. */
  async paidOrder() {
    this.outside.channel.onInit = 'paid';
    const order = await this.atTheChannel();
    await this.ctx.background.idle();
    return order;
  }

  /** Sends JSON, or text as it stands, as that role; null: without a token. */
  async send(role: Role | null, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return this.#request(path, {
      method,
      headers: {
        ...(role === null ? {} : { authorization: `Bearer ${await this.#token(role)}` }),
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(text === undefined ? {} : { body: text }),
    });
  }

  async #request(path: string, init: RequestInit): Promise<Reply> {
    return readReply(await this.app.request(path, init));
  }

  async #token(role: Role): Promise<string> {
    const made = await createToken(this.ctx.db, this.ctx, { name: role, role, issuedBy: 'test', ttlMs: 3_600_000 });
    if (!made.ok) throw new Error(made.detail);
    return made.value.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.app[Symbol.dispose]();
    await this.core[Symbol.asyncDispose]();
  }
}

async function stockUp(ctx: CoreContext): Promise<void> {
  const text = await readFile(join(import.meta.dirname, '../../core/catalog/demo/t-shirt.jsonc'), 'utf8');
  const imported = await importProduct(ctx, 'a merchant', text);
  if (!imported.ok) throw new Error(imported.detail);
  for (const command of ['submit', 'approve', 'publish'] as const) {
    await changeState(ctx, 'a merchant', imported.value.product.spuId, command, undefined);
  }
}
