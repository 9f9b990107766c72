import type { CoreContext } from '../context.ts';
import { catchRefusal, must, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import { type MovementKind, moveStock, readMovement, readStockMode } from './adjust.store.ts';
import { type StockView, stockOf } from './stock.ts';

/** The most pieces of one SKU on hand. */
const MAX_ON_HAND = 1_000_000_000;

export interface StockChange {
  readonly skuId: number;
  /** `inbound`: goods came in. `adjust`: a count found more or less than the books. */
  readonly kind: MovementKind;
  /** Pieces; more than 0 for inbound, of either sign for adjust. */
  readonly quantity: number;
  readonly reason: string;
}

/**
 * Changes what there is to sell, and writes the movement that says why. The same `key` with the same change counts once.
 *
 * Refuses: `sku_unknown`; `wrong_state` (infinite stock); `invalid_request` (0, inbound below 0, more than 10^9 on hand); `sold_out` (it would
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
  const mode = await readStockMode(ctx.db, skuId);
  if (mode === null) return refuse('sku_unknown', `No SKU has the id ${skuId}.`);
  if (mode === 'infinite') return refuse('wrong_state', `SKU ${skuId} is not counted: its stock is infinite.`);
  const now = ctx.clock.now();
  const scopedKey = `${actor}:${key}`;
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const { known, changed } = await moveStock(tx, { ...change, actor, key: scopedKey, now }, MAX_ON_HAND);
      if (known) {
        const first = must(await readMovement(tx, skuId, scopedKey), `movement ${scopedKey} of SKU ${skuId}`);
        if (first.kind !== kind || first.quantity !== quantity || first.reason !== change.reason) {
          throw new RefusalError(
            refuse('idempotency_key_reused', `This Idempotency-Key moved the stock of SKU ${skuId} in another way.`),
          );
        }
        const stock = must((await stockOf(tx, [skuId])).get(skuId), `stock of SKU ${skuId}`);
        return { stock, replayed: true };
      }
      if (changed === null) {
        const present = (await stockOf(tx, [skuId])).get(skuId);
        const onHand = present?.onHand ?? 0;
        throw new RefusalError(
          quantity < 0
            ? refuse('sold_out', `SKU ${skuId} has ${onHand} on hand; that cannot become ${-quantity} less.`)
            : refuse('invalid_request', `SKU ${skuId} has ${onHand} on hand; it may have ${MAX_ON_HAND} at most.`),
        );
      }
      const stock: StockView = { onHand: changed.on_hand, reserved: changed.reserved, sold: changed.sold };
      const before = { onHand: stock.onHand - quantity };
      const after = { onHand: stock.onHand, quantity, reason: change.reason };
      const entity = { entityType: 'stock', entityId: String(skuId) } as const;
      await logOperation(tx, { actor, ...entity, operation: kind, before, after }, now);
      return { stock, replayed: false };
    }),
  );
}
