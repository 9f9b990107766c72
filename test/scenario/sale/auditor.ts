import type { Database } from '../../../core/kernel/db/database.ts';
import { type Machine, startsOf } from '../../../core/kernel/machine.ts';
import { machinesOf } from '../../support/machines.ts';
import type { fakeOutside } from '../../support/outside.ts';
import type { Checkout } from './facts.ts';

type Outside = ReturnType<typeof fakeOutside>;

interface EventRow {
  readonly id: number;
  readonly machine: string;
  readonly entity_id: string;
  readonly from_state: string | null;
  readonly to_state: string;
}

interface MoneyRow {
  readonly id: string;
  readonly key: string;
  readonly amount: number;
}

const machines = await machinesOf();

/**
 * An independent judge: it knows the tables of the machines, what really happened outside, and what a shop must never do
 * wrong. It does not know how the core works. Whatever is not as it should be comes back as a sentence.
 */
export class Auditor {
  readonly #db: Database;
  readonly #outside: Outside;
  /** Where every row stands by the events alone. */
  readonly #standing = new Map<string, string>();
  /** Transitions that were taken, as `machine from to`. */
  readonly taken = new Set<string>();
  #heard = 0;

  constructor(db: Database, outside: Outside) {
    this.#db = db;
    this.#outside = outside;
  }

  /** What must hold at any moment. */
  async look(): Promise<string[]> {
    return [...(await this.#history()), ...(await this.#rows()), ...(await this.#books()), ...(await this.#truth())];
  }

  /** What must hold when everything has come to rest. */
  async close(checkouts: readonly Checkout[]): Promise<string[]> {
    return [...(await this.look()), ...(await this.#unsettled()), ...(await this.#ends(checkouts))];
  }

  /** Every event goes on from where the one before it ended, along the machine's table. */
  async #history(): Promise<string[]> {
    const events = await this.#db.query<EventRow>({
      text: 'SELECT id, machine, entity_id, from_state, to_state FROM core.event WHERE id > $1 ORDER BY id',
      values: [this.#heard],
    });
    const wrong: string[] = [];
    for (const event of events) {
      this.#heard = event.id;
      const machine = machines.get(event.machine);
      if (machine !== undefined) wrong.push(...this.#follow(machine, event));
    }
    return wrong;
  }

  #follow(machine: Machine, { machine: name, entity_id: id, from_state: from, to_state: to }: EventRow): string[] {
    const key = `${name}/${id}`;
    const stood = this.#standing.get(key) ?? null;
    const is = `${key}: ${from ?? 'nothing'} → ${to}`;
    if (from === to) return stood === to ? [] : [`${is} was noted of a row that stood at ${stood}`];
    if (stood !== from) return [`${is} though it stood at ${stood ?? 'nothing'}`];
    const next = from === null ? startsOf(machine) : (machine.states[from]?.to ?? []);
    this.#standing.set(key, to);
    this.taken.add(`${name} ${from ?? ''} ${to}`);
    return next.includes(to) ? [] : [`${is} is not in its table`];
  }

  /** A row stands where its last event left it. */
  async #rows(): Promise<string[]> {
    const texts = [...machines.values()].map(
      ({ name, table }) => `SELECT '${name}/' || id::text AS key, state FROM ${table}`,
    );
    const rows = await this.#db.query<{ key: string; state: string }>({ text: texts.join(' UNION ALL ') });
    return rows
      .filter(({ key, state }) => this.#standing.get(key) !== state)
      .map(({ key, state }) => `${key} stands at ${state}, its events say ${this.#standing.get(key)}`);
  }

  /**
   * The books by themselves: debit is credit, nothing goes back that did not come, points lie where the ledger has them,
   * nothing ships that is not paid.
   */
  async #books(): Promise<string[]> {
    const rows = await this.#db.query<{ wrong: string }>({
      text: `SELECT format('the journal is off by %s %s', sum(amount), currency) AS wrong
          FROM core.entry GROUP BY currency HAVING sum(amount) <> 0
        UNION ALL SELECT format('%s is refunded %s of %s', c.id, sum(r.amount), c.amount)
          FROM core.capture c JOIN core.refund r ON r.capture_id = c.id AND r.state <> 'R3'
          GROUP BY c.id, c.amount HAVING sum(r.amount) > c.amount
        UNION ALL SELECT format('%s is paid %s times', pay_order_id, count(*))
          FROM core.capture WHERE kind = 'effective' GROUP BY pay_order_id HAVING count(*) > 1
        UNION ALL SELECT format('%s stands at %s and nobody paid', o.id, o.state) FROM core.orders o
          WHERE o.state IN ('O1', 'O2') AND NOT EXISTS (
            SELECT FROM core.capture c WHERE c.pay_order_id = o.pay_order_id AND c.kind = 'effective')
        UNION ALL SELECT format('%s has %s points, %s in lots and %s held', a.id, a.balance, l.rest, h.held)
          FROM core.account a,
            LATERAL (SELECT coalesce(sum(rest), 0) AS rest FROM core.points_lot WHERE 'points:' || user_id || ':PTS' = a.id) l,
            LATERAL (SELECT coalesce(sum(points), 0) AS held FROM core.points_hold
              WHERE state = 'locked' AND 'points:' || user_id || ':PTS' = a.id) h
          WHERE a.kind = 'points' AND a.balance <> l.rest + h.held
        UNION ALL SELECT format('%s is shipped and nobody paid', s.id) FROM core.shipment s
          WHERE NOT EXISTS (SELECT FROM core.capture c WHERE c.pay_order_id = s.pay_order_id AND c.kind = 'effective')`,
    });
    return rows.map(({ wrong }) => wrong);
  }

  /** What we say happened outside did happen there, and once. */
  async #truth(): Promise<string[]> {
    const { channel, marketing, fulfilment } = this.#outside;
    const wrong: string[] = [];
    for (const { effects } of [channel, marketing, fulfilment]) {
      for (const [what, times] of effects) if (times > 1) wrong.push(`${what} happened ${times} times out there`);
    }
    for (const { id, key, amount } of await this.#captures()) {
      const trade = channel.trades.get(key);
      if (trade?.state !== 'paid' || trade.amount !== amount)
        wrong.push(`capture ${id} of ${amount}: the channel says ${trade?.state} ${trade?.amount} of ${key}`);
    }
    for (const { id, amount } of await this.#refunds()) {
      // Each try of the money leg has a key of its own, which begins with the refund's.
      const done = [...channel.refunds].filter(([key, { state }]) => key.startsWith(id) && state === 'done');
      if (done.length !== 1 || done[0]?.[1].amount !== amount)
        wrong.push(`refund ${id} of ${amount}: the channel did ${JSON.stringify(done)}`);
    }
    return wrong;
  }

  /** Captures that money came with, by their trade. */
  #captures(): Promise<MoneyRow[]> {
    return this.#db.query<MoneyRow>({
      text: 'SELECT id, payment_id AS key, amount FROM core.capture WHERE amount > 0',
    });
  }

  #refunds(): Promise<MoneyRow[]> {
    return this.#db.query<MoneyRow>({
      text: `SELECT id, id AS key, amount FROM core.refund WHERE state = 'R10' AND amount > 0`,
    });
  }

  /** Rows that are at no end. In fair weather nothing waits for a person either. */
  async #unsettled(): Promise<string[]> {
    const texts = [...machines.values()]
      .filter(({ name }) => name !== 'product')
      .map(({ name, table, states }) => {
        const ends = Object.entries(states).flatMap(([state, { care }]) => (care === 'end' ? [`'${state}'`] : []));
        return `SELECT '${name}/' || id::text AS key, state, person_reason FROM ${table} WHERE state NOT IN (${ends.join()})`;
      });
    const rows = await this.#db.query<{ key: string; state: string; person_reason: string | null }>({
      text: texts.join(' UNION ALL '),
    });
    return rows.map(({ key, state, person_reason: why }) => `${key} still stands at ${state} (${why ?? 'no person'})`);
  }

  async #ends(checkouts: readonly Checkout[]): Promise<string[]> {
    const orders = await this.#orders();
    const known = new Set(orders.map(({ id }) => id));
    const lost = checkouts.flatMap(({ orderIds }) => orderIds.filter((id) => !known.has(id)));
    return [
      ...lost.map((id) => `order ${id} was promised and is gone`),
      ...orders.flatMap((order) => this.#fate(order)),
      ...(await this.#money()),
      ...(await this.#stock()),
    ];
  }

  #orders(): Promise<OrderEnd[]> {
    return this.#db.query<OrderEnd>({
      text: `SELECT o.id, o.state, o.payable + o.discount_amount AS worth, (p.coupon_code IS NOT NULL)::int + (p.points > 0)::int AS resources,
          EXISTS (SELECT FROM core.capture c WHERE c.pay_order_id = p.id AND c.kind = 'effective') AS paid,
          p.discount = (SELECT coalesce(sum(r.subsidy), 0) FROM core.refund r
            WHERE r.pay_order_id = p.id AND r.state = 'R10') AS discount_back,
          (SELECT coalesce(sum(r.amount + r.subsidy + r.withheld), 0)::bigint FROM core.refund r
            WHERE r.order_id = o.id AND r.state = 'R10') AS refunded,
          ARRAY(SELECT s.id FROM core.shipment s WHERE s.order_id = o.id AND s.refund_id IS NULL) AS shipments,
          ARRAY(SELECT a.id FROM core.payment a WHERE a.pay_order_id = p.id) AS attempts,
          ARRAY(SELECT r.id FROM core.refund r WHERE r.order_id = o.id) AS refunds,
          ARRAY(SELECT json_build_object('sku', l.sku_id::text, 'quantity', l.quantity, 'worth', l.payable + l.discount,
              'agreed', (SELECT coalesce(sum(f.quantity), 0) FROM core.refund r JOIN core.refund_line f ON f.refund_id = r.id
                WHERE r.order_id = o.id AND r.state = 'R10' AND r.kind <> 'exchange' AND f.line_no = l.line_no))
            FROM core.order_line l WHERE l.order_id = o.id) AS lines
        FROM core.orders o JOIN core.pay_order p ON p.id = o.pay_order_id ORDER BY o.id`,
    });
  }

  /** A paid order's pieces arrive, or their money goes back; an unpaid one moves nothing. */
  #fate(order: OrderEnd): string[] {
    const { deductions } = this.#outside.marketing;
    const is = `order ${order.id} (${order.paid ? 'paid' : 'unpaid'}, ${order.refunded} of ${order.worth} refunded)`;
    const used = [...deductions].filter(
      ([key, { state }]) => state === 'deducted' && order.attempts.some((id) => key.startsWith(`${id}/`)),
    ).length;
    const arrived = this.#arrived(order.shipments);
    const cameBack = this.#cameBack(
      [...this.#outside.fulfilment.returns.keys()].filter((no) => order.refunds.some((id) => no.startsWith(id))),
    );
    let least = 0;
    let most = 0;
    const wrong: string[] = [];
    for (const { sku, quantity, worth, agreed } of order.lines) {
      const missing = quantity - (arrived.get(sku) ?? 0);
      if (missing < 0 || (!order.paid && missing < quantity)) wrong.push(`${is}: too much of SKU ${sku} arrived`);
      // What did not arrive goes back, and so does what came back; what was agreed to go back may be among both.
      const fewest = Math.min(quantity, Math.max(missing, agreed));
      const returned = cameBack.get(sku) ?? 0;
      const largest = Math.min(quantity, missing + Math.max(returned, agreed));
      // Cash and discount of a piece are rounded each by itself; of a whole line there is nothing to round.
      least += Math.floor((worth * fewest) / quantity) - (fewest % quantity === 0 ? 0 : 1);
      most += Math.ceil((worth * largest) / quantity) + (largest % quantity === 0 ? 0 : 1);
    }
    if (order.state !== 'O5') wrong.push(`${is} ends at ${order.state}`);
    if (order.paid && (order.refunded < least || order.refunded > most))
      wrong.push(`${is}: what did not arrive is worth ${least} to ${most}`);
    // They belong to the pay order as a whole, and go back with the last of what they paid for.
    const due = order.paid && !order.discount_back ? order.resources : 0;
    if (used !== due) wrong.push(`${is}: marketing has ${used} deductions of it, not ${due}`);
    return wrong;
  }

  /** Pieces by SKU that parcels have brought. */
  #arrived(shipments: Iterable<string>): ReadonlyMap<string, number> {
    const { parcels } = this.#outside.fulfilment;
    return this.#pieces([...shipments].filter((id) => parcels.get(id)?.state === 'delivered'));
  }

  /** Pieces by SKU that returns have brought back. */
  #cameBack(returns: Iterable<string>): ReadonlyMap<string, number> {
    const { returns: known } = this.#outside.fulfilment;
    return this.#pieces([...returns].filter((id) => known.get(id)?.state === 'received'));
  }

  #pieces(ids: readonly string[]): ReadonlyMap<string, number> {
    const { contents } = this.#outside.fulfilment;
    const pieces = new Map<string, number>();
    for (const { skuId, quantity } of ids.flatMap((id) => contents.get(id) ?? [])) {
      pieces.set(skuId, (pieces.get(skuId) ?? 0) + quantity);
    }
    return pieces;
  }

  /** All that the channel took is booked, all that it gave back was asked for, and the ledger says the same. */
  async #money(): Promise<string[]> {
    const { trades, refunds } = this.#outside.channel;
    const paid = [...trades.values()].filter(({ state }) => state === 'paid');
    const given = [...refunds.values()].filter(({ state }) => state === 'done');
    const took = paid.reduce((sum, { amount = 0 }) => sum + amount, 0);
    const gave = given.reduce((sum, { amount = 0 }) => sum + amount, 0);
    const captured = (await this.#captures()).reduce((sum, { amount }) => sum + amount, 0);
    const refunded = (await this.#refunds()).reduce((sum, { amount }) => sum + amount, 0);
    const accounts = await this.#db.query<{ kind: string; total: number }>({
      text: `SELECT split_part(account_id, ':', 1) AS kind, sum(amount)::bigint AS total FROM core.entry
        WHERE split_part(account_id, ':', 1) IN ('clearing', 'suspense', 'refund_payable') GROUP BY 1`,
    });
    const total = (kind: string): number => accounts.find((a) => a.kind === kind)?.total ?? 0;
    return [
      ...(took === captured ? [] : [`the channel took ${took}, ${captured} is booked`]),
      ...(gave === refunded ? [] : [`the channel gave back ${gave}, ${refunded} is booked`]),
      ...(total('clearing') === took - gave ? [] : [`clearing has ${total('clearing')}, not ${took - gave}`]),
      ...(total('suspense') === 0 ? [] : [`${total('suspense')} is left in suspense`]),
      ...(total('refund_payable') === 0 ? [] : [`${total('refund_payable')} is owed still`]),
    ];
  }

  /** What left in parcels that arrived, and did not come back, is sold; everything else is for sale. */
  async #stock(): Promise<string[]> {
    const arrived = this.#arrived(this.#outside.fulfilment.parcels.keys());
    const cameBack = this.#cameBack(this.#outside.fulfilment.returns.keys());
    const gone = (sku: string): number => (arrived.get(sku) ?? 0) - (cameBack.get(sku) ?? 0);
    const rows = await this.#db.query<{ sku: string; reserved: number; sold: number }>({
      text: `SELECT sku_id::text AS sku, sum(reserved)::bigint AS reserved, sum(sold)::bigint AS sold
        FROM core.stock GROUP BY sku_id`,
    });
    return rows
      .filter(({ sku, reserved, sold }) => reserved !== 0 || sold !== gone(sku))
      .map(({ sku, ...rest }) => `SKU ${sku}: ${JSON.stringify(rest)}, and ${gone(sku)} pieces are gone`);
  }
}

interface OrderEnd {
  readonly id: string;
  readonly state: string;
  readonly worth: number;
  /** Coupon and points of its pay order, and whether all that they paid went back. */
  readonly resources: number;
  readonly discount_back: boolean;
  readonly paid: boolean;
  readonly refunded: number;
  /** Not those that bring other pieces in exchange. */
  readonly shipments: readonly string[];
  readonly attempts: readonly string[];
  readonly refunds: readonly string[];
  readonly lines: readonly {
    readonly sku: string;
    readonly quantity: number;
    readonly worth: number;
    /** Pieces of refunds that came to their end. */
    readonly agreed: number;
  }[];
}
