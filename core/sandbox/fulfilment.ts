import type { Sql } from '../kernel/db/database.ts';
import { addJob, type Job, type JobOutcome } from './jobs.ts';
import type { World } from './world.ts';

/** The fulfilment service: parcels and codes. */
export interface ShipmentInput {
  readonly shipmentId: string;
  readonly orderId: string;
  readonly goodsKind: string;
  readonly lines: readonly { readonly skuId: string; readonly name: string; readonly quantity: number }[];
  readonly notifyUrl: string;
}

interface ShipmentRow {
  readonly shipment_id: string;
  readonly goods_kind: string | null;
  readonly state: string;
  readonly carrier: string | null;
  readonly tracking_no: string | null;
  readonly codes: readonly string[] | null;
  readonly reason: string | null;
  readonly notify_url: string | null;
  readonly tombstone: boolean;
}

export function shipmentView(row: ShipmentRow) {
  return {
    shipmentId: row.shipment_id,
    state: row.state,
    ...(row.carrier === null ? {} : { carrier: row.carrier }),
    ...(row.tracking_no === null ? {} : { trackingNo: row.tracking_no }),
    ...(row.codes === null ? {} : { codes: row.codes }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** Accepts a parcel, once per number. One that was cancelled before it came is answered as cancelled. */
export async function initShipment(
  world: World,
  input: ShipmentInput,
  refuseFor: string | null = null,
): Promise<ShipmentRow> {
  const { fulfil, fulfilDelayMs } = world.settings.values;
  const { row, job } = await world.db.tx(async (tx) => {
    const rows = await tx.query<ShipmentRow & { fresh: boolean }>({
      name: 'sandbox_shipment_init',
      text: `INSERT INTO sandbox.shipment AS s (shipment_id, order_id, goods_kind, state, reason, notify_url, requests)
        VALUES ($1, $2, $3, $4, $5, $6, 1)
        ON CONFLICT (shipment_id) DO UPDATE SET requests = s.requests + 1
        RETURNING *, requests = 1 AND NOT tombstone AS fresh`,
      values: [
        input.shipmentId,
        input.orderId,
        input.goodsKind,
        refuseFor === null ? 'accepted' : 'failed',
        refuseFor,
        input.notifyUrl,
      ],
    });
    const made = first(rows);
    const moves = made.fresh && made.state === 'accepted' && fulfil === 'auto';
    return { row: made, job: moves ? await addJob(tx, 'ship', { shipmentId: input.shipmentId }, fulfilDelayMs) : null };
  });
  world.runNow(fulfilDelayMs === 0 ? job : null);
  return row;
}

export async function findShipment(sql: Sql, shipmentId: string): Promise<ShipmentRow | null> {
  const rows = await sql.query<ShipmentRow>({
    name: 'sandbox_shipment_find',
    text: 'SELECT * FROM sandbox.shipment WHERE shipment_id = $1',
    values: [shipmentId],
  });
  return rows[0] ?? null;
}

/** Cancels what has not left yet; an unknown parcel is cancelled in advance. */
export async function cancelShipment(world: World, shipmentId: string): Promise<ShipmentRow> {
  return first(
    await world.db.query<ShipmentRow>({
      name: 'sandbox_shipment_cancel',
      text: `INSERT INTO sandbox.shipment AS s (shipment_id, state, reason, tombstone) VALUES ($1, 'cancelled', 'cancelled before it arrived', true)
        ON CONFLICT (shipment_id) DO UPDATE SET state = CASE WHEN s.state IN ('accepted','processing') THEN 'cancelled' ELSE s.state END
        RETURNING *`,
      values: [shipmentId],
    }),
  );
}

export type ShipmentResult = 'processing' | 'delivered' | 'failed';

/** Moves a parcel on and tells the core. Null: it cannot go there from where it is. */
export async function moveShipment(
  world: World,
  shipmentId: string,
  to: ShipmentResult,
): Promise<{ row: ShipmentRow; job: Job | null } | null> {
  return world.db.tx(async (tx) => {
    const rows = await tx.query<ShipmentRow>({
      name: 'sandbox_shipment_move',
      text: `UPDATE sandbox.shipment SET state = $2, effects = effects + CASE WHEN $2 = 'delivered' THEN 1 ELSE 0 END,
          carrier = CASE WHEN goods_kind = 'physical' THEN 'SANDBOX EXPRESS' END,
          tracking_no = CASE WHEN goods_kind = 'physical' THEN 'SX' || upper(right(shipment_id, 12)) END,
          codes = CASE WHEN goods_kind = 'virtual' AND $2 = 'delivered' THEN jsonb_build_array('CODE-' || upper(right(shipment_id, 10))) ELSE codes END
        WHERE shipment_id = $1 AND (state = 'accepted' OR (state = 'processing' AND $2 <> 'processing')) RETURNING *`,
      values: [shipmentId, to],
    });
    const row = rows[0];
    if (row === undefined) return null;
    const job =
      row.notify_url === null
        ? null
        : await world.callbacks.add(tx, {
            service: 'fulfilment',
            source: 'fulfilment',
            url: row.notify_url,
            body: {
              type: `shipment.${to}`,
              source: 'fulfilment',
              ...shipmentView(row),
              occurredAt: world.clock.now().toISOString(),
            },
          });
    return { row, job };
  });
}

/** What happens to an accepted parcel when nobody acts: it is delivered. */
export async function shipByItself(world: World, payload: unknown): Promise<JobOutcome> {
  const { shipmentId } = payload as { shipmentId: string };
  const moved = await moveShipment(world, shipmentId, 'delivered');
  world.runNow(moved?.job ?? null);
  return { kind: 'done' };
}

function first<T>(rows: readonly T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('broken invariant: a statement returned no row');
  return row;
}
