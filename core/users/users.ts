import type { CoreContext } from '../context.ts';
import type { Sql } from '../kernel/db/database.ts';
import { type Refusal, refuse } from '../kernel/errors.ts';
import { logOperation } from '../operations/operation-log.ts';
import { lockUser, readUserRow, type UserRow, updateUser } from './users.store.ts';

/** A user of the shop in front (用户). Accounts and log-in are the shop's; here is what orders and payments go by. */
export interface User {
  readonly userId: number;
  /** 0 and more; what it is good for is the shop's to say. */
  readonly level: number;
  /** Since when and why the user may neither order nor pay; null: may. */
  readonly blocked: { readonly since: Date; readonly reason: string } | null;
}

/** The user as we know it. Everybody is known: who has no row has level 0 and is not blocked. */
export async function readUser(sql: Sql, userId: number): Promise<User> {
  return userOf((await readUserRow(sql, userId)) ?? { id: userId, level: 0, blocked_at: null, blocked_reason: null });
}

/**
 * Blocks a user (拉黑): from the commit on no order is placed and no payment attempt begins. What is ordered stays and can
 * be cancelled, what is at a channel already may be paid there; the deposit of a presale whose balance is refused for it goes back when
 * the order closes. A user blocked before stays so, with the first reason.
 */
export async function blockUser(ctx: CoreContext, actor: string, userId: number, reason: string): Promise<User> {
  return change(ctx, { actor, operation: 'block', reason }, userId, (row, now) =>
    row.blocked_at === null ? { ...row, blocked_at: now, blocked_reason: reason } : row,
  );
}

/** Lets a blocked user order and pay again. */
export async function unblockUser(ctx: CoreContext, actor: string, userId: number, reason: string): Promise<User> {
  return change(ctx, { actor, operation: 'unblock', reason }, userId, (row) => ({
    ...row,
    blocked_at: null,
    blocked_reason: null,
  }));
}

/** Sets the level that the shop gives a user. */
export async function setUserLevel(ctx: CoreContext, actor: string, userId: number, level: number): Promise<User> {
  return change(ctx, { actor, operation: 'level', reason: null }, userId, (row) => ({ ...row, level }));
}

interface Because {
  readonly actor: string;
  readonly operation: 'block' | 'unblock' | 'level';
  readonly reason: string | null;
}

/** One change with its line in the operation log; what changes nothing writes nothing. */
async function change(
  ctx: CoreContext,
  { actor, operation, reason }: Because,
  userId: number,
  changed: (row: UserRow, now: Date) => UserRow,
): Promise<User> {
  return ctx.db.tx(async (tx) => {
    const now = ctx.clock.now();
    const before = await lockUser(tx, userId, now);
    const after = changed(before, now);
    if (after.level === before.level && after.blocked_at === before.blocked_at) return userOf(before);
    const entry = { actor, entityType: 'user', entityId: String(userId), operation } as const;
    await Promise.all([
      updateUser(tx, after, now),
      logOperation(tx, { ...entry, before: userOf(before), after: { ...userOf(after), reason } }, now),
    ]);
    return userOf(after);
  });
}

/** What a blocked user is told. The reason is for those who answer the user's questions, not for the user's screen. */
export function refuseBlocked(userId: number): Refusal {
  return refuse('user_blocked', `User ${userId} is blocked and may neither order nor pay.`);
}

function userOf(row: UserRow): User {
  const { blocked_at: since, blocked_reason: reason } = row;
  return {
    userId: row.id,
    level: row.level,
    blocked: since === null || reason === null ? null : { since, reason },
  };
}
