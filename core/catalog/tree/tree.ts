import type { CoreContext } from '../../context.ts';
import type { Sql } from '../../kernel/db/database.ts';
import { catchRefusal, type Refusal, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import { logOperation } from '../../operations/operation-log.ts';
import { checkWords, isTaken, refuseStale } from '../words/words.ts';
import {
  type CategoryRow,
  findChild,
  hasSkus,
  insertCategory,
  lockTree,
  type RequirementRow,
  readCategoryRow,
  readLacking,
  readPath,
  readRequirements,
  setRequirement,
  updateCategory,
} from './tree.store.ts';

export interface CategoryWish {
  readonly id?: number | undefined;
  /** null: a root. */
  readonly parentId: number | null;
  readonly name: string;
  /** Default: as its parent. */
  readonly goodsKind?: 'physical' | 'virtual' | undefined;
}

export interface Category {
  readonly row: CategoryRow;
  /** From the root to its parent. */
  readonly above: readonly CategoryRow[];
  readonly attributes: readonly RequirementRow[];
}

/**
 * Makes a category. The same name under the same parent again answers the one that is there.
 *
 * Refuses: `category_unknown` (the parent); `invalid_request` (a root without a kind); `name_taken` (as another category).
 */
export function createCategory(
  ctx: CoreContext,
  actor: string,
  wish: CategoryWish,
): Promise<Result<{ readonly row: CategoryRow; readonly replayed: boolean }>> {
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      await lockTree(tx);
      const parent = wish.parentId === null ? null : await readCategoryRow(tx, wish.parentId);
      if (wish.parentId !== null && parent === null) throw new RefusalError(refuseCategory(wish.parentId));
      const goodsKind = wish.goodsKind ?? parent?.goods_kind;
      if (goodsKind === undefined) {
        const errors = [{ path: 'goodsKind', message: 'is missing: a root has no parent to take it from' }];
        throw new RefusalError(refuse('invalid_request', 'Say of what kind the goods of a root are.', { errors }));
      }
      const made = await insertCategory(tx, { id: wish.id, parentId: wish.parentId, name: wish.name, goodsKind });
      if (made === null) {
        const there = await findChild(tx, wish.parentId, wish.name);
        const same = there !== null && there.goods_kind === goodsKind && (wish.id ?? there.id) === there.id;
        if (same) return { row: there, replayed: true };
        throw new RefusalError(
          refuse('name_taken', there === null ? `Category ${wish.id} is there.` : `It is called like ${there.id}.`),
        );
      }
      await log(ctx, tx, actor, { operation: 'create', before: null, after: made });
      return { row: made, replayed: false };
    }),
  );
}

/**
 * Renames a category, or moves it with all below it. Products keep their category, so nothing else is written.
 *
 * Refuses: `category_unknown` (it or its parent); `stale_revision`; `category_circle` (below itself); `name_taken`.
 */
export async function editCategory(
  ctx: CoreContext,
  actor: string,
  change: {
    readonly id: number;
    readonly version: number;
    readonly name?: string | undefined;
    readonly parentId?: number | null | undefined;
  },
): Promise<Result<CategoryRow>> {
  const { id, version } = change;
  try {
    return await catchRefusal(() =>
      ctx.db.tx(async (tx) => {
        await lockTree(tx);
        const before = await readCategoryRow(tx, id);
        if (before === null) throw new RefusalError(refuseCategory(id));
        if (before.version !== version) throw new RefusalError(refuseStale(`category ${id}`, before.version));
        const parentId = change.parentId === undefined ? before.parent_id : change.parentId;
        if (parentId !== null && parentId !== before.parent_id) {
          const path = await readPath(tx, parentId);
          if (path.length === 0) throw new RefusalError(refuseCategory(parentId));
          if (path.some((row) => row.id === id)) {
            throw new RefusalError(refuse('category_circle', `Category ${parentId} lies below ${id}.`));
          }
        }
        const after = { ...before, parent_id: parentId, name: change.name ?? before.name, version: version + 1 };
        await updateCategory(tx, after);
        const operation = parentId === before.parent_id ? 'rename' : 'move';
        await log(ctx, tx, actor, { operation, before, after });
        return after;
      }),
    );
  } catch (error) {
    if (isTaken(error)) return refuse('name_taken', 'Another category of that parent has the name.');
    throw error;
  }
}

/** A category with the way to it and the attributes of its products. Refuses: `category_unknown`. */
export function readCategory(sql: Sql, id: number): Promise<Result<Category>> {
  return catchRefusal(async () => {
    const path = await readPath(sql, id);
    const row = path.at(-1);
    if (row === undefined) throw new RefusalError(refuseCategory(id));
    return { row, above: path.slice(0, -1), attributes: await readRequirements(sql, id) };
  });
}

/**
 * Says that the products of a category and of those below it have an attribute, required or not; `null` says nothing any
 * more. What is said nearest to a product's category counts. Products that are on the shelf stay there.
 *
 * Refuses: `category_unknown`; `attribute_unknown`.
 */
export function requireAttribute(
  ctx: CoreContext,
  actor: string,
  want: { readonly categoryId: number; readonly attributeId: number; readonly required: boolean | null },
): Promise<Result<Category>> {
  const { categoryId, attributeId, required } = want;
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const row = await readCategoryRow(tx, categoryId);
      if (row === null) throw new RefusalError(refuseCategory(categoryId));
      const known = await checkWords(tx, 'attribute', [attributeId], 'attributeId');
      if (!known.ok) throw new RefusalError(known);
      await setRequirement(tx, categoryId, attributeId, required);
      const after = { attributeId, required };
      await logOperation(
        tx,
        { actor, entityType: 'category', entityId: String(categoryId), operation: 'attribute', before: null, after },
        ctx.clock.now(),
      );
      const path = await readPath(tx, categoryId);
      return { row, above: path.slice(0, -1), attributes: await readRequirements(tx, categoryId) };
    }),
  );
}

/** Why a product cannot be shown to buyers: no SKU, or an attribute that its category requires. Null: it can. */
export async function whyIncomplete(sql: Sql, spuId: number, categoryId: number): Promise<Refusal | null> {
  if (!(await hasSkus(sql, spuId))) {
    const errors = [{ path: 'skus', message: 'are missing' }];
    return refuse('product_invalid', `Product ${spuId} has no SKU to sell; add one first.`, { errors });
  }
  const lacking = await readLacking(sql, categoryId, spuId);
  const [first] = lacking;
  if (first === undefined) return null;
  const errors = lacking.map(({ attribute_id: id, name }) => ({
    path: 'basicAttributes',
    message: `attribute ${id}, ${name}, is required by the category`,
  }));
  const more = lacking.length > 1 ? `, and ${lacking.length - 1} more` : '';
  return refuse(
    'product_invalid',
    `Product ${spuId} lacks attribute ${first.attribute_id}, ${first.name}${more}: on the product, or on each of its SKUs.`,
    { errors },
  );
}

export function refuseCategory(id: number): Refusal {
  return refuse('category_unknown', `No category has the id ${id}.`);
}

async function log(
  ctx: CoreContext,
  tx: Sql,
  actor: string,
  change: { readonly operation: string; readonly before: CategoryRow | null; readonly after: CategoryRow },
): Promise<void> {
  await logOperation(
    tx,
    { actor, entityType: 'category', entityId: String(change.after.id), ...change },
    ctx.clock.now(),
  );
}
