import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { approveRefund, objectToRejection, rejectRefund } from '../../core/aftersales/decisions.ts';
import { requestRefund } from '../../core/aftersales/request.ts';
import { applyReturn } from '../../core/aftersales/returning.ts';
import { closeRefund, retryLeg, settleOtherwise } from '../../core/aftersales/ways-out.ts';
import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import { applyParcel } from '../../core/fulfilment/parcel.ts';
import { shipPart } from '../../core/fulfilment/parts.ts';
import type { Machine } from '../../core/kernel/machine.ts';
import { refundMachine } from '../../core/refunds/refunds.machine.ts';
import { openWorld, type World } from '../reconcile/support.ts';
import { booksOfPayOrder, type PaidOrder, paidOrder, SHOPPER } from '../support/aftersales.ts';

/*
 * Random commands of shoppers, the merchant, the warehouse, the services and the repairs, two at a time. After each pair the
 * rows are judged by an independent count: no piece is in two places, no piece and no money goes back twice, and the books say the same.
 */
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const REPAIRS = [
  'f0',
  'f1',
  'f2',
  ...['r2', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r11', 'r12', 'r13', 'r14'].map((r) => `refund-${r}`),
];

const command = fc.oneof(
  fc.record({
    do: fc.constant('ask' as const),
    kind: fc.constantFrom('refund', 'return', 'exchange'),
    line: fc.constantFrom(1, 2),
    n: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({
    do: fc.constantFrom('approve', 'approve', 'approve', 'reject', 'object', 'cash', 'again', 'settle', 'close'),
    which: fc.nat(5),
  }),
  fc.record({
    do: fc.constant('parcel' as const),
    which: fc.nat(5),
    state: fc.constantFrom('processing', 'delivered', 'delivered', 'failed', 'cancelled'),
  }),
  fc.record({
    do: fc.constant('return' as const),
    which: fc.nat(5),
    state: fc.constantFrom('processing', 'received', 'received', 'failed'),
  }),
  fc.record({ do: fc.constant('part' as const), line: fc.constantFrom(1, 2), n: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('repair' as const), refused: fc.boolean() }),
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const pick = async (text: string, values: readonly unknown[], which: number): Promise<string | undefined> => {
  const rows = await world.ctx.db.query<{ id: string }>({ text, values });
  return rows[which % Math.max(1, rows.length)]?.id;
};
const refundOf = (order: PaidOrder, which: number) =>
  pick('SELECT id FROM core.refund WHERE order_id = $1 ORDER BY id', [order.orderId], which);

let keys = 0;

async function run(order: PaidOrder, c: Command): Promise<void> {
  const { ctx, outside } = world;
  const cause = { actor: 'test', reason: 'a test' };
  const reason = 'a test';
  keys += 1;
  const key = `${order.orderId}-${keys}`;
  switch (c.do) {
    case 'ask': {
      const wish = {
        orderId: order.orderId,
        kind: c.kind,
        reason,
        lines: [{ lineNo: c.line, quantity: c.n }],
      } as const;
      await requestRefund(ctx, SHOPPER, wish, key);
      return;
    }
    case 'parcel': {
      const id = await pick(
        `SELECT id FROM core.shipment WHERE order_id = $1 AND state IN ('F1','F2') ORDER BY id`,
        [order.orderId],
        c.which,
      );
      if (
        id === undefined ||
        ['delivered', 'failed', 'cancelled'].includes(outside.fulfilment.parcels.get(id)?.state ?? '')
      )
        return;
      outside.fulfilment.set(id, c.state);
      await applyParcel(ctx, id, { shipmentId: id, state: c.state }, cause);
      return;
    }
    case 'part':
      await shipPart(ctx, 'a warehouse', { orderId: order.orderId, lines: [{ lineNo: c.line, quantity: c.n }], key });
      return;
    case 'repair':
      outside.channel.onRefund = c.refused ? 'failed' : 'done';
      await world.later(60);
      for (const id of REPAIRS) await world.repair(id);
      return;
  }
  const id = await refundOf(order, c.which);
  if (id === undefined) return;
  switch (c.do) {
    case 'return': {
      const row = await world.one<{ return_leg: number; state: string }>(
        'SELECT return_leg, state FROM core.refund WHERE id = $1',
        [id],
      );
      const returnNo = row.return_leg === 1 ? id : `${id}.${row.return_leg}`;
      const known = outside.fulfilment.returns.get(returnNo)?.state;
      if (known === undefined || known === 'received' || known === 'failed') return;
      await applyReturn(ctx, outside.fulfilment.setReturn(returnNo, c.state), cause);
      return;
    }
    case 'approve':
      await approveRefund(ctx, 'a merchant', id);
      return;
    case 'reject':
      await rejectRefund(ctx, 'a merchant', id, reason);
      return;
    case 'object':
      await objectToRejection(ctx, 'a shop', id, reason);
      return;
    case 'cash':
      await retryLeg(ctx, 'on call', id, { leg: 'cash', reason });
      return;
    case 'again':
      await retryLeg(ctx, 'on call', id, { leg: 'return', reason });
      return;
    case 'settle':
      await settleOtherwise(ctx, 'an approver', id, { reason, evidence: 'x' });
      return;
    case 'close':
      await closeRefund(ctx, 'an approver', id, reason);
  }
}

/** What the counters must be, counted from the parcels and the refunds themselves. */
const COUNTED = `SELECT l.line_no, l.shipped = coalesce((SELECT sum(s.quantity) FROM core.shipment_line s JOIN core.shipment p ON p.id = s.shipment_id
      WHERE p.order_id = l.order_id AND s.line_no = l.line_no AND p.state = 'F4' AND p.refund_id IS NULL), 0) AS shipped,
    l.claimed = coalesce(r.pieces, 0) AND l.claimed_cash = coalesce(r.cash, 0) AS claimed, l.dropped = coalesce(r.dropped, 0) AS dropped,
    l.refunded = coalesce(r.done, 0) AS refunded,
    l.shipped + l.dropped + coalesce((SELECT sum(s.quantity) FROM core.shipment_line s JOIN core.shipment p ON p.id = s.shipment_id
      WHERE p.order_id = l.order_id AND s.line_no = l.line_no AND p.state IN ('F0','F1','F2') AND p.refund_id IS NULL AND NOT EXISTS (
        SELECT FROM core.shipment b WHERE b.id = p.after_shipment AND b.state IN ('F0','F1','F2'))), 0) <= l.quantity AS "inOnePlace"
  FROM core.order_line l LEFT JOIN LATERAL (SELECT sum(q.quantity) AS pieces, sum(q.cash) AS cash, sum(q.dropped) AS dropped,
      sum(q.quantity) FILTER (WHERE f.state = 'R10') AS done FROM core.refund_line q JOIN core.refund f ON f.id = q.refund_id
    WHERE q.order_id = l.order_id AND q.line_no = l.line_no AND f.state <> 'R3' AND NOT (f.kind = 'exchange' AND f.state = 'R10')) r ON true
  WHERE l.order_id = $1 ORDER BY l.line_no`;

async function judge(order: PaidOrder): Promise<void> {
  const good = { shipped: true, claimed: true, dropped: true, refunded: true, inOnePlace: true };
  const rows = await world.ctx.db.query({ text: COUNTED, values: [order.orderId] });
  expect(rows).toEqual([1, 2].map((line_no) => ({ line_no, ...good })));
  const money = await world.one<{ asked: number; owed: number; done: number; captured: number }>(
    `SELECT coalesce(sum(amount) FILTER (WHERE state <> 'R3'), 0)::bigint AS asked, coalesce(sum(amount) FILTER (WHERE owed AND state <> 'R10'), 0)::bigint AS owed,
      coalesce(sum(amount) FILTER (WHERE state = 'R10'), 0)::bigint AS done, (SELECT sum(amount)::bigint FROM core.capture WHERE pay_order_id = $1) AS captured
      FROM core.refund WHERE pay_order_id = $1`,
    [order.payOrderId],
  );
  expect(money.asked).toBeLessThanOrEqual(money.captured);
  const books = await booksOfPayOrder(world, order.payOrderId);
  expect([0 - (books['refund_payable'] ?? 0), (books['clearing'] ?? 0) + (books['bank'] ?? 0)]).toEqual([
    money.owed,
    money.captured - money.done,
  ]);
}

test('shipments and refunds: random commands, two at a time', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(command, command), { minLength: 6, maxLength: 14 }), async (pairs) => {
      const order = await paidOrder(world, [
        { skuId: world.sku, quantity: 2 },
        { skuId: world.sku, quantity: 1 },
      ]);
      for (const pair of pairs) {
        await Promise.all(pair.map((c) => run(order, c)));
        await world.ctx.background.idle();
        await judge(order);
      }
    }),
    { numRuns: 25, endOnFailure: true },
  );
  await expectOnlyKnownMoves([shipmentMachine, refundMachine]);
});

async function expectOnlyKnownMoves(machines: readonly Machine[]): Promise<void> {
  for (const { name, states } of machines) {
    const taken = await world.ctx.db.query<{ hop: string }>({
      text: `SELECT DISTINCT from_state || '→' || to_state AS hop FROM core.event
        WHERE machine = $1 AND from_state IS NOT NULL AND from_state <> to_state ORDER BY 1`,
      values: [name],
    });
    const known = Object.entries(states).flatMap(([from, { to }]) => to.map((next) => `${from}→${next}`));
    expect(known).toEqual(expect.arrayContaining(taken.map(({ hop }) => hop)));
    // Chance takes many of the ways; the rest are taken by the tests of the repairs and of the ways out.
    expect(taken.length, name).toBeGreaterThan(5);
  }
}
