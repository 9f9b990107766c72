import type { CoreContext } from '../context.ts';
import { sha256 } from '../kernel/canonical.ts';
import type { Tx } from '../kernel/db/database.ts';
import { catchRefusal, must, RefusalError, type Result, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import { ensureShelf, moveStock, readMovement } from './adjust.store.ts';
import {
  countCodesOf,
  insertCodes,
  knownDigests,
  lockCodeLines,
  lockCodePool,
  takeFreeCodes,
  voidCodesOf,
} from './codes.store.ts';
import { WAREHOUSE } from './pieces.ts';
import { refuseWarehouse } from './warehouses.ts';

/** The most codes of one SKU. */
const MAX_CODES = 100_000_000;

export interface CodeBatch {
  readonly skuId: number;
  /** Default: the first one. */
  readonly warehouseId?: number | undefined;
  /** 1..5,000 codes. */
  readonly codes: readonly string[];
}

export interface ImportedCodes {
  readonly added: number;
  /** Codes that the SKU had before, or that were named twice: they are not added again. */
  readonly known: number;
  readonly replayed: boolean;
}

/**
 * Adds codes (卡密) to a SKU's pool; each is a piece on hand. A code is in a SKU's pool once, whoever imports it when. What
 * is written down of it besides (movement, operation log) is how many they were and one digest of all.
 *
 * Refuses: `sku_unknown`; `wrong_state` (not delivered as codes); `warehouse_unknown`; `idempotency_key_reused`.
 */
export async function importCodes(
  ctx: CoreContext,
  actor: string,
  batch: CodeBatch,
  key: string,
): Promise<Result<ImportedCodes>> {
  const { skuId, codes } = batch;
  const warehouseId = batch.warehouseId ?? WAREHOUSE;
  const byDigest = new Map(codes.map((code) => [sha256(code), code]));
  const digest = sha256([...byDigest.keys()].sort().join());
  const reason = `${codes.length} codes, sha256 ${digest}`;
  const scopedKey = `${actor}:codes:${key}`;
  const now = ctx.clock.now();
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const mode = await lockCodePool(tx, skuId);
      if (mode === null) throw new RefusalError(refuse('sku_unknown', `No SKU has the id ${skuId}.`));
      if (mode !== 'codes') {
        throw new RefusalError(refuse('wrong_state', `SKU ${skuId} is not delivered as codes: its stock is ${mode}.`));
      }
      const before = await readMovement(tx, skuId, scopedKey);
      if (before !== null) {
        if (before.reason === reason && before.warehouse_id === warehouseId) {
          return { added: before.quantity, known: codes.length - before.quantity, replayed: true };
        }
        throw new RefusalError(
          refuse('idempotency_key_reused', `This Idempotency-Key imported other codes of SKU ${skuId}.`),
        );
      }
      if (!(await ensureShelf(tx, skuId, warehouseId))) throw new RefusalError(refuseWarehouse(warehouseId));
      for (const known of await knownDigests(tx, skuId, [...byDigest.keys()])) byDigest.delete(known);
      const quantity = byDigest.size;
      const movement = { skuId, warehouseId, kind: 'inbound', quantity, reason, actor, key: scopedKey, now } as const;
      must((await moveStock(tx, movement, MAX_CODES)).changed, `shelf ${warehouseId} of SKU ${skuId}`);
      const { id: movementId } = must(await readMovement(tx, skuId, scopedKey), `movement ${scopedKey}`);
      await insertCodes(tx, { skuId, warehouseId, movementId }, byDigest);
      const after = { added: quantity, known: codes.length - quantity, warehouseId, digest };
      const entity = { entityType: 'stock', entityId: String(skuId) } as const;
      await logOperation(tx, { actor, ...entity, operation: 'codes', before: null, after }, now);
      return { added: quantity, known: codes.length - quantity, replayed: false };
    }),
  );
}

/** Pieces of one SKU that are delivered. */
export interface CodePieces {
  readonly skuId: number;
  readonly pieces: number;
}

/** The codes of one SKU of a delivery. */
export interface DeliveredCodes {
  readonly skuId: number;
  readonly codes: readonly string[];
}

/**
 * Takes codes for the pieces of a paid order that are delivered, in the transaction that delivers them: one per piece, and
 * for the whole order never more than it has paid for and did not bring back. A code that was voided was one of these: no
 * other one comes for it. Each call takes anew; that a delivery is counted once is for its shipment. Empty for an order
 * without such SKUs, and for one that is not paid or whose pieces went back.
 *
 * Throws when a pool has fewer codes than pieces were sold: its counter and its codes disagree.
 */
export async function takeCodes(
  tx: Tx,
  orderId: string,
  delivered: readonly CodePieces[],
  now: Date,
): Promise<readonly DeliveredCodes[]> {
  const lines = await lockCodeLines(
    tx,
    orderId,
    delivered.map(({ skuId }) => skuId),
  );
  if (lines.length === 0) return [];
  // Counted behind the lock: whoever held it may have taken some.
  const had = await countCodesOf(tx, orderId);
  const left = new Map(delivered.map(({ skuId, pieces }) => [skuId, pieces]));
  const taken: DeliveredCodes[] = [];
  for (const line of lines) {
    const { sku_id: skuId, warehouse_id } = line;
    const before = had.find((row) => row.sku_id === skuId && row.warehouse_id === warehouse_id)?.codes ?? 0;
    const pieces = Math.min(line.pieces - before, left.get(skuId) ?? 0);
    if (pieces <= 0) continue;
    const codes = await takeFreeCodes(tx, line, pieces, orderId, now);
    if (codes.length < pieces) {
      throw new Error(`broken invariant: SKU ${skuId} sold ${pieces} codes and has ${codes.length} of them`);
    }
    left.set(skuId, (left.get(skuId) ?? 0) - pieces);
    taken.push({ skuId, codes });
  }
  return taken;
}

/** Delivered codes of an order that was refunded are worth nothing any more, and are never sold again. Returns how many. */
export async function voidCodes(tx: Tx, orderId: string, skuId: number, quantity: number): Promise<number> {
  return voidCodesOf(tx, orderId, skuId, quantity);
}
