import type { Sql, Tx } from '../kernel/db/database.ts';
import { must } from '../kernel/errors.ts';
import type { World } from './world.ts';

/** The marketing service: which attempt has used which resource. A resource is used by one live attempt at most. */
export interface DeductionKey {
  readonly attemptId: string;
  readonly kind: string;
  readonly resource: string;
}

export interface DeductionInput extends DeductionKey {
  readonly userId: string | number;
  readonly amount: number;
  readonly currency: string;
}

export interface DeductionRow {
  readonly attempt_id: string;
  readonly kind: string;
  readonly resource: string;
  readonly state: 'deducted' | 'refused' | 'rolled_back';
  readonly user_id: string | null;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly reason: string | null;
  readonly tombstone: boolean;
  readonly requests: number;
  readonly created_at: Date;
}

/**
 * Deducts, once per key: a repetition answers the deduction as it stands. Refused when another attempt holds the
 * resource. `null`: the key is known with another amount.
 */
export async function deduct(sql: Sql, input: DeductionInput, refuseFor: string | null): Promise<DeductionRow | null> {
  const row =
    refuseFor === null
      ? ((await take(sql, input)) ?? (await repeat(sql, input)) ?? (await refuse(sql, input, inUse(input))))
      : await refuse(sql, input, refuseFor);
  const same = row.amount === input.amount && row.currency === input.currency;
  return same || row.tombstone ? row : null;
}

const inUse = (input: DeductionInput): string => `${input.kind} ${input.resource} is used by another attempt`;

/** `null`: the key is known, or the resource is held. Both unique indexes wait for whoever is writing there just now. */
async function take(sql: Sql, input: DeductionInput): Promise<DeductionRow | null> {
  const rows = await sql.query<DeductionRow>({
    name: 'sandbox_deduct',
    text: `WITH made AS (
        INSERT INTO sandbox.deduction (attempt_id, kind, resource, state, user_id, amount, currency)
        VALUES ($1, $2, $3, 'deducted', $4, $5, $6) ON CONFLICT DO NOTHING RETURNING *),
      done AS (
        INSERT INTO sandbox.effect (kind, source, key, amount, currency)
        SELECT kind || '.deducted', 'marketing', attempt_id || ' ' || kind || ' ' || resource, amount, currency FROM made)
      SELECT * FROM made`,
    values: [input.attemptId, input.kind, input.resource, String(input.userId), input.amount, input.currency],
  });
  return rows[0] ?? null;
}

async function repeat(sql: Sql, key: DeductionKey): Promise<DeductionRow | null> {
  const rows = await sql.query<DeductionRow>({
    name: 'sandbox_deduct_again',
    text: `UPDATE sandbox.deduction SET requests = requests + 1
      WHERE attempt_id = $1 AND kind = $2 AND resource = $3 RETURNING *`,
    values: [key.attemptId, key.kind, key.resource],
  });
  return rows[0] ?? null;
}

async function refuse(sql: Sql, input: DeductionInput, reason: string): Promise<DeductionRow> {
  const rows = await sql.query<DeductionRow>({
    name: 'sandbox_deduct_refuse',
    text: `INSERT INTO sandbox.deduction AS d (attempt_id, kind, resource, state, user_id, amount, currency, reason)
      VALUES ($1, $2, $3, 'refused', $4, $5, $6, $7)
      ON CONFLICT (attempt_id, kind, resource) DO UPDATE SET requests = d.requests + 1 RETURNING *`,
    values: [input.attemptId, input.kind, input.resource, String(input.userId), input.amount, input.currency, reason],
  });
  return must(rows[0], `deduction ${input.attemptId}`);
}

export async function findDeduction(sql: Sql, key: DeductionKey): Promise<DeductionRow | null> {
  const rows = await sql.query<DeductionRow>({
    name: 'sandbox_deduction_find',
    text: 'SELECT * FROM sandbox.deduction WHERE attempt_id = $1 AND kind = $2 AND resource = $3',
    values: [key.attemptId, key.kind, key.resource],
  });
  return rows[0] ?? null;
}

/**
 * Gives a resource back, once. An unknown key is rolled back in advance: the tombstone refuses the deduction that is
 * still on its way. What was refused holds nothing and stays refused.
 */
export async function rollBack(world: World, key: DeductionKey): Promise<DeductionRow> {
  const freed = await free(world.db, key);
  if (freed !== null) return freed;
  return world.db.tx(async (tx) => {
    await bury(tx, key);
    // The deduction may have come between the two statements; now its row is there for good.
    return (await free(tx, key)) ?? must(await findDeduction(tx, key), `deduction ${key.attemptId}`);
  });
}

async function free(sql: Sql, key: DeductionKey): Promise<DeductionRow | null> {
  const rows = await sql.query<DeductionRow>({
    name: 'sandbox_rollback',
    text: `WITH freed AS (
        UPDATE sandbox.deduction SET state = 'rolled_back', reason = 'rolled back'
        WHERE attempt_id = $1 AND kind = $2 AND resource = $3 AND state = 'deducted' RETURNING *),
      done AS (
        INSERT INTO sandbox.effect (kind, source, key, amount, currency)
        SELECT kind || '.rolled_back', 'marketing', attempt_id || ' ' || kind || ' ' || resource, amount, currency FROM freed)
      SELECT * FROM freed`,
    values: [key.attemptId, key.kind, key.resource],
  });
  return rows[0] ?? null;
}

async function bury(tx: Tx, key: DeductionKey): Promise<void> {
  await tx.query({
    name: 'sandbox_rollback_tombstone',
    text: `INSERT INTO sandbox.deduction (attempt_id, kind, resource, state, reason, tombstone, requests)
      VALUES ($1, $2, $3, 'rolled_back', 'rolled back before it arrived', true, 0)
      ON CONFLICT (attempt_id, kind, resource) DO NOTHING`,
    values: [key.attemptId, key.kind, key.resource],
  });
}
