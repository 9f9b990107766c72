import type { Sql } from '../../core/kernel/db/database.ts';
import type { World } from './support.ts';

/** What a planted violation must turn its check into. */
export interface Planted {
  readonly count: number;
  /** Minor units by currency. */
  readonly amounts: Readonly<Record<string, number>>;
  /** What the feeds of the dirty sets would name; for checks by watermark or scan there is none. */
  readonly dirty?: readonly string[];
}

/** One file per check in `plants/`, named by it: breaks clean data as its owner, past every guard. */
export interface Plant {
  readonly id: string;
  plant(owner: Sql, world: World, clean: CleanData): Promise<Planted>;
}

/** Orders in every kind of honest state. */
export interface CleanData {
  readonly paid: string;
  readonly shipped: string;
  readonly refunded: string;
  readonly cancelled: string;
  readonly unpaid: string;
}

export async function cleanData(world: World): Promise<CleanData> {
  const { fulfilment } = world.outside;
  const paid = await world.order();
  await world.paid(paid.payOrderId);
  const shipped = await world.order({ coupon: await world.coupon() });
  await world.paid(shipped.payOrderId);
  fulfilment.onInit = 'failed';
  const refunded = await world.order({ coupon: await world.coupon() });
  await world.paid(refunded.payOrderId);
  await world.later(30);
  for (const id of ['rollback-pending', 'refund-r12', 'refund-r9']) await world.repair(id);
  fulfilment.onInit = 'accepted';
  const cancelled = await world.order();
  const attempt = await world.pay(cancelled.payOrderId);
  await world.later(16 * 60);
  await world.repair('unpaid-order');
  await lateCapture(world, attempt);
  const unpaid = await world.order();
  return {
    paid: paid.payOrderId,
    shipped: shipped.payOrderId,
    refunded: refunded.payOrderId,
    cancelled: cancelled.payOrderId,
    unpaid: unpaid.payOrderId,
  };
}

/** The money of a closed attempt arrives after all: booked to suspense and refunded. */
async function lateCapture(world: World, attempt: string): Promise<void> {
  const { applyCapture } = await import('../../core/payments/capture.ts');
  const row = await world.one<Parameters<typeof applyCapture>[2]>('SELECT * FROM core.payment WHERE id = $1', [
    attempt,
  ]);
  await world.ctx.db.tx((tx) =>
    applyCapture(
      world.ctx,
      tx,
      row,
      { transactionId: `late-${attempt}`, amount: row.amount, currency: row.currency },
      { actor: 'test', reason: 'late' },
    ),
  );
  await world.ctx.background.idle();
}

/** A posting with the entries given, straight into the journal. */
export async function intoJournal(
  owner: Sql,
  posting: { reference: string; kind?: string; payOrderId?: string },
  entries: readonly { account: string; kind: string; amount: number; currency: string }[],
): Promise<void> {
  for (const { account, kind, currency } of entries) {
    await owner.query({
      text: `INSERT INTO core.account (id, kind, currency, created_at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`,
      values: [account, kind, currency],
    });
  }
  await owner.query({
    text: `WITH p AS (INSERT INTO core.posting (kind, reference, pay_order_id, reason, at)
        VALUES ($1, $2, $3, 'planted', now()) RETURNING id)
      INSERT INTO core.entry (posting_id, account_id, amount, currency, at)
      SELECT p.id, e.account, e.amount, e.currency, now()
      FROM p, unnest($4::text[], $5::bigint[], $6::text[]) AS e (account, amount, currency)`,
    values: [
      posting.kind ?? 'capture',
      posting.reference,
      posting.payOrderId ?? null,
      entries.map((e) => e.account),
      entries.map((e) => e.amount),
      entries.map((e) => e.currency),
    ],
  });
}
