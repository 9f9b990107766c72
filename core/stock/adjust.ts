import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import { catchRefusal, must, type Refusal, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import { ensureShelf, type MovementKind, moveStock, readMovement, readStockMode } from './adjust.store.ts';
import { WAREHOUSE } from './pieces.ts';
import { readStock, type StockRow } from './stock.store.ts';
import type { StockView } from './stock.ts';
import { refuseWarehouse } from './warehouses.ts';

/** The most pieces of one SKU on hand. */
const MAX_ON_HAND = 1_000_000_000;

export interface StockChange {
  readonly skuId: number;
  /** Default: the first one. A SKU that has nothing there yet gets a shelf. */
  readonly warehouseId?: number | undefined;
  /** `inbound`: goods came in. `adjust`: a count found more or less than the books. */
  readonly kind: MovementKind;
  /** Pieces; more than 0 for inbound, of either sign for adjust. */
  readonly quantity: number;
  readonly reason: string;
}

/**
 * Changes what there is to sell in one warehouse, and writes the movement that says why. The same `key` with the same change counts once.
 *
 * Refuses: `sku_unknown`; `warehouse_unknown`; `wrong_state` (infinite stock, or codes, which are imported); `invalid_request` (0, inbound below 0, more than 10^9 on hand); `sold_out` (it would
 * take more than there is on hand); `idempotency_key_reused`.
 */
export async function changeStock(
  ctx: CoreContext,
  actor: string,
  change: StockChange,
  key: string,
): Promise<Result<{ readonly stock: StockView; readonly replayed: boolean }>> {
  const { skuId, kind, quantity } = change;
  if (quantity === 0 || (kind === 'inbound' && quantity < 0)) {
    return refuse('invalid_request', 'A movement has pieces: more than 0 for inbound, more or less for adjust.', {
      errors: [{ path: 'quantity', message: kind === 'inbound' ? 'must be more than 0' : 'must not be 0' }],
    });
  }
  const warehouseId = change.warehouseId ?? WAREHOUSE;
  const mode = (await readStockMode(ctx.db, skuId))?.stock_mode ?? null;
  if (mode === null) return refuse('sku_unknown', `No SKU has the id ${skuId}.`);
  if (mode === 'infinite') return refuse('wrong_state', `SKU ${skuId} is not counted: its stock is infinite.`);
  if (mode === 'codes') return refuse('wrong_state', `SKU ${skuId} is delivered as codes: import codes instead.`);
  const now = ctx.clock.now();
  const scopedKey = `${actor}:${key}`;
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      if (!(await ensureShelf(tx, skuId, warehouseId))) throw new RefusalError(refuseWarehouse(warehouseId));
      const movement = { ...change, warehouseId, actor, key: scopedKey, now };
      const { known, changed } = await moveStock(tx, movement, MAX_ON_HAND);
      if (known) return { stock: await asBefore(tx, change, warehouseId, scopedKey), replayed: true };
      if (changed === null) throw new RefusalError(await refuseBounds(tx, change, warehouseId));
      const stock = viewOf(changed);
      const before = { onHand: stock.onHand - quantity };
      const after = { onHand: stock.onHand, quantity, reason: change.reason, warehouseId };
      const entity = { entityType: 'stock', entityId: String(skuId) } as const;
      await logOperation(tx, { actor, ...entity, operation: kind, before, after }, now);
      return { stock, replayed: false };
    }),
  );
}

/** The stock as it is now, for a movement that was made before under the same key. */
async function asBefore(tx: Sql, change: StockChange, warehouseId: number, key: string): Promise<StockView> {
  const { skuId, kind, quantity, reason } = change;
  const first = must(await readMovement(tx, skuId, key), `movement ${key} of SKU ${skuId}`);
  const same = first.kind === kind && first.quantity === quantity && first.reason === reason;
  if (!same || first.warehouse_id !== warehouseId) {
    throw new RefusalError(
      refuse('idempotency_key_reused', `This Idempotency-Key moved the stock of SKU ${skuId} in another way.`),
    );
  }
  return must(await shelfOf(tx, skuId, warehouseId), `stock of SKU ${skuId} in warehouse ${warehouseId}`);
}

async function refuseBounds(tx: Sql, { skuId, quantity }: StockChange, warehouseId: number): Promise<Refusal> {
  const onHand = (await shelfOf(tx, skuId, warehouseId))?.onHand ?? 0;
  return quantity < 0
    ? refuse('sold_out', `SKU ${skuId} has ${onHand} on hand; that cannot become ${-quantity} less.`)
    : refuse('invalid_request', `SKU ${skuId} has ${onHand} on hand; it may have ${MAX_ON_HAND} at most.`);
}

async function shelfOf(sql: Sql, skuId: number, warehouseId: number): Promise<StockView | null> {
  const row = (await readStock(sql, [skuId])).find((shelf) => shelf.warehouse_id === warehouseId);
  return row === undefined ? null : viewOf(row);
}

function viewOf({ on_hand: onHand, reserved, sold }: StockRow): StockView {
  return { onHand, reserved, sold };
}
