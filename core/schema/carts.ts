import { check } from 'drizzle-orm/pg-core';
import { amount, at, bigint, core, index, integer, primaryKey, sql, text, uniqueIndex } from './columns.ts';

/** A cart (购物车): of a user, or of a visitor who has not logged in and holds a signed token (临时购物车). */
export const cart = core.table(
  'cart',
  {
    id: text('id').primaryKey(),
    /** NULL: a temporary one. */
    userId: bigint('user_id', { mode: 'number' }),
    version: integer('version').notNull().default(0),
    /** When a temporary cart is purged; a user's cart stays. */
    expiresAt: at('expires_at'),
    /** The user whose cart took its lines, once. */
    mergedInto: bigint('merged_into', { mode: 'number' }),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('cart_of_user').on(t.userId).where(sql`user_id IS NOT NULL`),
    index('cart_expires').on(t.expiresAt, t.id).where(sql`expires_at IS NOT NULL`),
    check('cart_of_one_kind', sql`(${t.userId} IS NULL) = (${t.expiresAt} IS NOT NULL)`),
  ],
);

export const cartItem = core.table(
  'cart_item',
  {
    cartId: text('cart_id')
      .notNull()
      .references(() => cart.id, { onDelete: 'cascade' }),
    skuId: bigint('sku_id', { mode: 'number' }).notNull(),
    quantity: bigint('quantity', { mode: 'number' }).notNull(),
    /** What it cost when it was put in, so that the line can say what has changed. */
    addedPrice: amount('added_price').notNull(),
    addedCurrency: text('added_currency').notNull(),
    addedAt: at('added_at').notNull(),
    /** The newest adding requests as `quantity:key`, so that one sent twice adds once. */
    addKeys: text('add_keys').array().notNull().default(sql`'{}'::text[]`),
  },
  (t) => [primaryKey({ columns: [t.cartId, t.skuId] }), check('cart_item_some', sql`${t.quantity} > 0`)],
);
