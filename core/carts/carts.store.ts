import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';

export interface CartRow {
  readonly id: string;
  readonly user_id: number | null;
  readonly version: number;
  readonly expires_at: Date | null;
  readonly merged_into: number | null;
}

export interface ItemRow {
  readonly sku_id: number;
  readonly quantity: number;
  readonly added_price: number;
  readonly added_currency: Currency;
  readonly added_at: Date;
  readonly add_keys: readonly string[];
}

const CART = 'id, user_id, version, expires_at, merged_into';

/** The cart of a user, made when there is none, and locked against other writers. */
export async function lockUserCart(sql: Sql, userId: number, newId: string, now: Date): Promise<CartRow> {
  const rows = await sql.query<CartRow>({
    name: 'cart_lock_user',
    text: `INSERT INTO core.cart AS c (id, user_id, created_at) VALUES ($1, $2, $3)
      ON CONFLICT (user_id) WHERE user_id IS NOT NULL DO UPDATE SET version = c.version + 1 RETURNING ${CART}`,
    values: [newId, userId, now],
  });
  const [row] = rows;
  if (row === undefined) throw new Error(`broken invariant: the cart of user ${userId} could not be locked`);
  return row;
}

/** The user's cart of that id, locked; null: it is not the user's. */
export async function lockCartOf(sql: Sql, cartId: string, userId: number): Promise<CartRow | null> {
  const rows = await sql.query<CartRow>({
    name: 'cart_lock_of',
    text: `UPDATE core.cart SET version = version + 1 WHERE id = $1 AND user_id = $2 RETURNING ${CART}`,
    values: [cartId, userId],
  });
  return rows[0] ?? null;
}

/** A visitor's cart, made at its first write, and locked; null: it was merged into a user's. */
export async function lockTemporary(sql: Sql, cartId: string, expiresAt: Date, now: Date): Promise<CartRow | null> {
  const rows = await sql.query<CartRow>({
    name: 'cart_lock_temporary',
    text: `INSERT INTO core.cart AS c (id, expires_at, created_at) VALUES ($1, $2, $3)
      ON CONFLICT (id) DO UPDATE SET version = c.version + 1 WHERE c.merged_into IS NULL AND c.user_id IS NULL
      RETURNING ${CART}`,
    values: [cartId, expiresAt, now],
  });
  return rows[0] ?? null;
}

export async function readCartRow(sql: Sql, cartId: string): Promise<CartRow | null> {
  const rows = await sql.query<CartRow>({
    name: 'cart_read',
    text: `SELECT ${CART} FROM core.cart WHERE id = $1`,
    values: [cartId],
  });
  return rows[0] ?? null;
}

/** The lines, the one put in last first. */
export async function readItems(sql: Sql, cartId: string): Promise<ItemRow[]> {
  return sql.query<ItemRow>({
    name: 'cart_items',
    text: `SELECT sku_id, quantity, added_price, added_currency, added_at, add_keys
      FROM core.cart_item WHERE cart_id = $1 ORDER BY added_at DESC, sku_id`,
    values: [cartId],
  });
}

/** Writes lines whole: those that are there take the quantity and the keys, and keep what they were added at. */
export async function putItems(sql: Sql, cartId: string, items: readonly ItemRow[]): Promise<void> {
  await sql.query({
    name: 'cart_items_put',
    text: `INSERT INTO core.cart_item (cart_id, sku_id, quantity, added_price, added_currency, added_at, add_keys)
      SELECT $1, sku_id, quantity, added_price, added_currency, added_at, string_to_array(add_keys, ' ')
      FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[])
        AS i (sku_id, quantity, added_price, added_currency, added_at, add_keys)
      ON CONFLICT (cart_id, sku_id) DO UPDATE SET quantity = excluded.quantity, add_keys = excluded.add_keys`,
    values: [
      cartId,
      items.map((i) => i.sku_id),
      items.map((i) => i.quantity),
      items.map((i) => i.added_price),
      items.map((i) => i.added_currency),
      items.map((i) => i.added_at),
      // Keys are visible ASCII without blanks.
      items.map((i) => i.add_keys.join(' ')),
    ],
  });
}

/** Takes lines out; without `skuIds` all of them. */
export async function removeItems(sql: Sql, cartId: string, skuIds: readonly number[] | null): Promise<void> {
  await sql.query({
    name: 'cart_items_remove',
    text: 'DELETE FROM core.cart_item WHERE cart_id = $1 AND ($2::bigint[] IS NULL OR sku_id = ANY($2))',
    values: [cartId, skuIds],
  });
}

export async function markMerged(sql: Sql, cartId: string, userId: number): Promise<void> {
  await sql.query({
    name: 'cart_merged',
    text: 'UPDATE core.cart SET merged_into = $2 WHERE id = $1',
    values: [cartId, userId],
  });
}

/**
 * Takes lines out that stand as they were read, in the transaction that buys them. Returns how many did; the cart is
 * locked, so that two checkouts never buy a line twice.
 */
export async function takeItems(
  sql: Sql,
  cartId: string,
  userId: number,
  lines: readonly { readonly skuId: number; readonly quantity: number }[],
): Promise<number> {
  const rows = await sql.query<{ taken: number }>({
    name: 'cart_items_take',
    text: `WITH mine AS (
        UPDATE core.cart SET version = version + 1 WHERE id = $1 AND user_id = $2 RETURNING id
      ), bought AS (
        DELETE FROM core.cart_item i USING mine, unnest($3::bigint[], $4::bigint[]) AS w (sku_id, quantity)
        WHERE i.cart_id = mine.id AND i.sku_id = w.sku_id AND i.quantity = w.quantity RETURNING i.sku_id
      ) SELECT count(*) AS taken FROM bought`,
    values: [cartId, userId, lines.map((l) => l.skuId), lines.map((l) => l.quantity)],
  });
  return rows[0]?.taken ?? 0;
}

/** Deletes up to `limit` temporary carts whose time is over, with their lines; those that somebody is at are left. */
export async function deleteExpired(sql: Sql, now: Date, limit: number): Promise<number> {
  const rows = await sql.query({
    name: 'cart_purge',
    text: `DELETE FROM core.cart WHERE id IN (
        SELECT id FROM core.cart WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
      ) RETURNING id`,
    values: [now, limit],
  });
  return rows.length;
}
