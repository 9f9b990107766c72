import type { World } from './world.ts';

/** The marketing service: which attempt has used which resource. A resource is used by one live attempt at most. */
export interface DeductionKey {
  readonly attemptId: string;
  readonly kind: string;
  readonly resource: string;
}

export interface DeductionInput extends DeductionKey {
  readonly userId: string;
  readonly amount: number;
  readonly currency: string;
}

export interface DeductionView {
  readonly state: string;
  readonly reason?: string;
}

interface Row {
  readonly state: string;
  readonly reason: string | null;
  readonly tombstone: boolean;
}

const viewOf = (row: Row): DeductionView => ({
  state: row.state,
  ...(row.reason === null ? {} : { reason: row.reason }),
});

/** Deducts once per key. Refused when another attempt holds the resource, or when this one was rolled back before. */
export async function deduct(
  world: World,
  input: DeductionInput,
  refuseFor: string | null = null,
): Promise<DeductionView> {
  const key = [input.attemptId, input.kind, input.resource];
  const values = [
    ...key,
    refuseFor === null ? 'deducted' : 'refused',
    input.userId,
    input.amount,
    input.currency,
    refuseFor,
    refuseFor === null ? 1 : 0,
  ];
  try {
    const rows = await world.db.query<Row>({
      name: 'sandbox_deduct',
      text: `INSERT INTO sandbox.deduction AS d (attempt_id, kind, resource, state, user_id, amount, currency, reason, effects, requests)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
        ON CONFLICT (attempt_id, kind, resource) DO UPDATE SET requests = d.requests + 1 RETURNING *`,
      values,
    });
    const row = rows[0];
    if (row === undefined) throw new Error('broken invariant: a statement returned no row');
    return row.state === 'rolled_back'
      ? { state: 'refused', reason: 'it was rolled back before this request arrived' }
      : viewOf(row);
  } catch (error) {
    if (error instanceof Error && 'constraint' in error && error.constraint === 'deduction_one_live') {
      return deduct(world, input, `${input.kind} ${input.resource} is in use by another attempt`);
    }
    throw error;
  }
}

export async function findDeduction(world: World, key: DeductionKey): Promise<DeductionView> {
  const rows = await world.db.query<Row>({
    name: 'sandbox_deduction_find',
    text: 'SELECT state, reason, tombstone FROM sandbox.deduction WHERE attempt_id = $1 AND kind = $2 AND resource = $3',
    values: [key.attemptId, key.kind, key.resource],
  });
  return rows[0] === undefined ? { state: 'none' } : viewOf(rows[0]);
}

/** Gives a resource back. An unknown key is rolled back in advance, so that the deduction is refused when it arrives. */
export async function rollback(world: World, key: DeductionKey): Promise<DeductionView> {
  await world.db.query({
    name: 'sandbox_rollback',
    text: `INSERT INTO sandbox.deduction AS d (attempt_id, kind, resource, state, tombstone) VALUES ($1, $2, $3, 'rolled_back', true)
      ON CONFLICT (attempt_id, kind, resource) DO UPDATE SET state = 'rolled_back'`,
    values: [key.attemptId, key.kind, key.resource],
  });
  return { state: 'rolled_back' };
}
