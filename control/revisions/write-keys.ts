import { canonicalJson, sha256 } from '../../core/kernel/canonical.ts';
import type { Sql, Tx } from '../../core/kernel/db/database.ts';

/** What a write with a key was and what came of it. */
export interface KeptWrite<Answer> {
  readonly digest: string;
  readonly answer: Answer;
}

/** How long a key is remembered: longer than anybody retries. */
const KEPT = "interval '1 day'";

export function digestOf(write: unknown): string {
  return sha256(canonicalJson(write));
}

export async function findWrite<Answer>(sql: Sql, actor: string, key: string): Promise<KeptWrite<Answer> | undefined> {
  const rows = await sql.query<KeptWrite<Answer>>({
    text: 'SELECT digest, answer FROM control.write_key WHERE actor = $1 AND key = $2',
    values: [actor, key],
  });
  return rows[0];
}

/** Keeps the answer in the transaction of the write, and forgets keys that nobody will repeat. */
export async function keepWrite(tx: Tx, actor: string, key: string, kept: KeptWrite<unknown>): Promise<void> {
  await tx.query({
    text: `INSERT INTO control.write_key (actor, key, digest, answer, at)
           VALUES ($1, $2, $3, $4::jsonb, clock_timestamp())`,
    values: [actor, key, kept.digest, JSON.stringify(kept.answer)],
  });
  await tx.query({ text: `DELETE FROM control.write_key WHERE at < clock_timestamp() - ${KEPT}` });
}
