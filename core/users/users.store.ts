import type { Sql } from '../kernel/db/database.ts';

export interface UserRow {
  readonly id: number;
  readonly level: number;
  readonly blocked_at: Date | null;
  readonly blocked_reason: string | null;
}

const COLUMNS = 'id, level, blocked_at, blocked_reason';

export async function readUserRow(sql: Sql, userId: number): Promise<UserRow | null> {
  const rows = await sql.query<UserRow>({
    name: 'user_read',
    text: `SELECT ${COLUMNS} FROM core.users WHERE id = $1`,
    values: [userId],
  });
  return rows[0] ?? null;
}

/** The row of a user, made when it is not there yet, and locked. */
export async function lockUser(sql: Sql, userId: number, now: Date): Promise<UserRow> {
  const rows = await sql.query<UserRow>({
    name: 'user_lock',
    text: `INSERT INTO core.users (id, updated_at) VALUES ($1, $2)
      ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING ${COLUMNS}`,
    values: [userId, now],
  });
  const [row] = rows;
  if (row === undefined) throw new Error(`broken invariant: user ${userId} could not be locked`);
  return row;
}

export async function updateUser(sql: Sql, user: UserRow, now: Date): Promise<void> {
  await sql.query({
    name: 'user_update',
    text: `UPDATE core.users SET level = $2, blocked_at = $3, blocked_reason = $4, updated_at = $5 WHERE id = $1`,
    values: [user.id, user.level, user.blocked_at, user.blocked_reason, now],
  });
}
