import { randomInt } from 'node:crypto';
import { Connection } from './connection.ts';
import type { Stage } from './stage.ts';

/** The legs of one purchase, and the whole of it, each in milliseconds. */
export const LEGS = ['order', 'pay', 'callback', 'whole'] as const;
type Leg = (typeof LEGS)[number];

export interface Played {
  /** Orders that were placed and paid. */
  readonly orders: number;
  readonly seconds: number;
  readonly latencies: Readonly<Record<Leg, readonly number[]>>;
}

export interface Goods {
  /** Consecutive ids. */
  readonly firstSku: number;
  readonly skus: number;
}

const USERS = 1_000_000;
/** This run's part of the idempotency keys. */
const RUN = Date.now().toString(36);
const ADDRESS = { recipient: '张三', phone: '13800000000', line: '人民路 1 号', city: '上海', country: 'CN' };
let orders = 0;

export class Shopper implements Disposable {
  readonly #core: Connection;
  readonly #outside: Connection;
  readonly #auth: string;

  private constructor(core: Connection, outside: Connection, token: string) {
    this.#core = core;
    this.#outside = outside;
    this.#auth = `authorization: Bearer ${token}\r\n`;
  }

  static async open(stage: Stage): Promise<Shopper> {
    const core = await Connection.open(stage.coreUrl);
    return new Shopper(core, await Connection.open(stage.outsideUrl), stage.shopToken);
  }

  /** Places an order of one piece of one SKU, presses pay, pays at the channel, and is told that it was taken. */
  async buy(userId: number, skuId: number, keep: (leg: Leg, ms: number) => void): Promise<void> {
    const startMs = performance.now();
    orders += 1;
    const key = `key_${`${RUN}${orders}`.padStart(26, '0')}`;
    const wish = {
      userId: String(userId),
      type: 'physical',
      items: [{ skuId: String(skuId), quantity: 1 }],
      address: ADDRESS,
    };
    const headers = `${this.#auth}idempotency-key: ${key}\r\n`;
    const placed = await this.#core.send('POST', '/v1/orders', headers, JSON.stringify(wish));
    const placedMs = performance.now();
    const payOrderId = demand(placed, 201, 'payOrderId', /^\d{19}$/);
    const pay = `/v1/pay-orders/${payOrderId}/pay`;
    const pressed = await this.#core.send('POST', pay, this.#auth, '{"channel":"sandbox"}');
    const pressedMs = performance.now();
    const paymentId = demand(pressed, 200, 'paymentId', /^pay_/);
    const paid = await this.#outside.send('POST', `/pay/${paymentId}`, '', '');
    const paidMs = performance.now();
    demand(paid, 200, 'callback', /"applied"/);
    keep('order', placedMs - startMs);
    keep('pay', pressedMs - placedMs);
    keep('callback', paidMs - pressedMs);
    keep('whole', paidMs - startMs);
  }

  [Symbol.dispose](): void {
    this.#core[Symbol.dispose]();
    this.#outside[Symbol.dispose]();
  }
}

function demand(answer: { status: number; text: string }, status: number, member: string, form: RegExp): string {
  const said: unknown = answer.status === status ? Reflect.get(JSON.parse(answer.text) as object, member) : undefined;
  if (typeof said === 'string' && form.test(said)) return said;
  throw new Error(`expected ${status} with a ${member}, got ${answer.status} ${answer.text}`);
}

/** Shoppers who buy one thing after the other for so long, each a user of the many and a SKU of the shelf at random. */
export async function play(
  shoppers: readonly Shopper[],
  goods: Goods,
  seconds: number,
  signal: AbortSignal,
): Promise<Played> {
  const latencies: Record<Leg, number[]> = { order: [], pay: [], callback: [], whole: [] };
  const startMs = performance.now();
  const untilMs = startMs + seconds * 1_000;
  await Promise.all(
    shoppers.map(async (shopper) => {
      while (performance.now() < untilMs && !signal.aborted) {
        const skuId = goods.firstSku + randomInt(goods.skus);
        await shopper.buy(1 + randomInt(USERS), skuId, (leg, ms) => latencies[leg].push(ms));
      }
    }),
  );
  signal.throwIfAborted();
  return { orders: latencies.whole.length, seconds: (performance.now() - startMs) / 1_000, latencies };
}

/** Puts a product with many SKUs on the shelf, so that the flow is measured and not the lock of one row. */
export async function stockUp(stage: Stage, skus: number): Promise<Goods> {
  const product = {
    categoryId: 1003001,
    spu: { name: '经典圆领男士T恤', description: '柔软舒适，100%纯棉' },
    skus: Array.from({ length: skus }, (_, i) => ({ skuName: `款式 ${i + 1}`, price: 79, stock: 1_000_000 })),
  };
  const auth = `authorization: Bearer ${stage.merchantToken}\r\n`;
  using connection = await Connection.open(stage.coreUrl);
  const headers = `${auth}idempotency-key: bench\r\n`;
  const made = await connection.send('POST', '/v1/products', headers, JSON.stringify(product));
  const spuId = demand(made, 201, 'spuId', /^\d+$/);
  for (const step of ['submit', 'approve', 'publish']) {
    const moved = await connection.send('POST', `/v1/products/${spuId}/${step}`, auth, '');
    if (moved.status !== 200) throw new Error(`${step}: ${moved.status} ${moved.text}`);
  }
  const ids = (JSON.parse(made.text) as { skus: { skuId: string }[] }).skus.map(({ skuId }) => Number(skuId));
  const firstSku = Math.min(...ids);
  if (Math.max(...ids) !== firstSku + skus - 1) throw new Error('the SKUs do not have consecutive ids');
  return { firstSku, skus };
}
