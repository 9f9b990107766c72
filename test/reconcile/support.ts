import type { CoreContext } from '../../core/context.ts';
import { addMs, VirtualClock } from '../../core/kernel/clock.ts';
import { newId } from '../../core/kernel/ids.ts';
import type { StateOf } from '../../core/kernel/machine.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { pay } from '../../core/payments/payments.ts';
import { DEFAULT_LIMITS, loadRepairs, type Outcome, type RunLimits, totalsOf } from '../../reconcile/repair.ts';
import { skusOnShelf } from '../support/catalogue.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { placed } from '../support/orders.ts';
import { fakeOutside } from '../support/outside.ts';

const NEVER = new AbortController().signal;
export const GO = { stop: NEVER, abort: NEVER };

const TABLES = [
  'payment',
  'orders',
  'shipment',
  'refund',
  'capture',
  'deduction',
  'callback',
  'reservation',
  'room_lock',
  'ticket',
];

/** A core with an outside in memory, one SKU on the shelf, and time that moves by hand. */
export async function openWorld() {
  const clock = new VirtualClock(new Date('2026-11-11T00:00:00Z'));
  const outside = fakeOutside();
  const core = await testCore({ clock, ...outside.options });
  const [sku = 0] = await skusOnShelf(core.ctx, { skus: [{ price: '79.00', stock: 100_000 }] });
  return new World(core, clock, outside, sku);
}

export class World implements AsyncDisposable {
  readonly core: TestCore;
  readonly clock: VirtualClock;
  readonly outside: ReturnType<typeof fakeOutside>;
  readonly sku: number;

  constructor(core: TestCore, clock: VirtualClock, outside: ReturnType<typeof fakeOutside>, sku: number) {
    this.core = core;
    this.clock = clock;
    this.outside = outside;
    this.sku = sku;
  }

  get ctx(): CoreContext {
    return this.core.ctx;
  }

  /** Places an order of one piece; with `coupon`, one that marketing pays 10.00 of. */
  async order(options: { coupon?: string } = {}): Promise<{ payOrderId: string; orderId: string }> {
    const created = await placed(
      this.ctx,
      [this.sku],
      options.coupon === undefined ? {} : { couponCode: options.coupon },
    );
    return { payOrderId: created.payOrderId, orderId: created.orders[0]?.orderId ?? '' };
  }

  /** A coupon of 10.00 for the shopper of these tests. */
  async coupon(): Promise<string> {
    const code = `C${newId('c', this.clock, this.ctx.random)}`;
    await this.ctx.db.query({
      text: `INSERT INTO core.coupon (code, currency, amount, state, valid_until, grant_key, grant_digest)
        VALUES ($1, 'CNY', 1000, 'available', $2, $1, 'x')`,
      values: [code, addMs(this.clock.now(), 86_400_000)],
    });
    return code;
  }

  /** Presses pay and lets what follows come to rest. Returns the attempt. */
  async pay(payOrderId: string): Promise<string> {
    const result = await pay(this.ctx, { payOrderId, channel: 'sandbox' }, NEVER);
    if (!result.ok) throw new Error(result.detail);
    await this.ctx.background.idle();
    return result.value.paymentId;
  }

  /** An attempt as a dead process left it, after the states that it had passed. */
  async attempt(payOrderId: string, path: readonly StateOf<typeof paymentMachine>[]): Promise<string> {
    const [state = 'P0', ...onward] = path;
    const row = await this.ctx.mover.create(this.ctx.db, paymentMachine, {
      id: newId('pay', this.clock, this.ctx.random),
      state,
      onward,
      columns: {
        pay_order_id: payOrderId,
        user_id: 42,
        attempt_no: 1,
        channel: 'sandbox',
        currency: 'CNY',
        amount: 7900,
        expires_at: addMs(this.clock.now(), 900_000),
        created_at: this.clock.now(),
      },
      actor: 'test',
      reason: 'a test',
    });
    return row.id;
  }

  /** A paid order: the shopper paid, the callback was lost, the poll found it. Returns the attempt. */
  async paid(payOrderId: string): Promise<string> {
    const payment = await this.pay(payOrderId);
    this.outside.channel.pay(payment);
    await this.later(30);
    await this.repair('p7');
    await this.ctx.background.idle();
    return payment;
  }

  /** Time passes, and the leases of dead processes with it. */
  async later(seconds: number): Promise<void> {
    this.clock.advance(seconds * 1000);
    for (const table of TABLES) {
      await this.ctx.db.query({
        text: `UPDATE core.${table} SET lease_until = clock_timestamp() - interval '1 second' WHERE lease_until IS NOT NULL`,
      });
    }
  }

  /** Forces a row into a state, as no command would: what a test of one repair begins with. */
  async force(table: string, id: string, state: string): Promise<void> {
    await this.ctx.db.query({
      text: `UPDATE core.${table} SET state = $2, due_at = $3, lease_until = NULL, tries = 0 WHERE id = $1`,
      values: [id, state, this.clock.now()],
    });
  }

  /** Runs one repair once. */
  async repair(id: string, limits: RunLimits = DEFAULT_LIMITS): Promise<Readonly<Record<Outcome, number>>> {
    const repair = (await loadRepairs()).find((r) => r.id === id);
    if (repair === undefined) throw new Error(`no repair ${id}`);
    const totals = totalsOf(await repair.run(this.ctx, limits, GO));
    await this.ctx.background.idle();
    return totals;
  }

  async one<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row> {
    const rows = await this.ctx.db.query<Row>({ text, values });
    if (rows[0] === undefined) throw new Error(`no row: ${text}`);
    return rows[0];
  }

  async state(table: string, id: string): Promise<string> {
    return (await this.one<{ state: string }>(`SELECT state FROM core.${table} WHERE id = $1`, [id])).state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.core[Symbol.asyncDispose]();
  }
}
