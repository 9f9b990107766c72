import type { Database } from '../../core/kernel/db/database.ts';

/** Who is there, and what consumers of the bus make of what was before, in their own time. */
const ASIDE = ['consumer', 'holding', 'machine_number', 'notification', 'statistic', 'statistic_mark', 'spu_stat'];

/** How many rows each table of these schemas holds, but those. To show that a refusal has left nothing behind. */
export async function countRows(
  db: Database,
  schemas: readonly string[] = ['core', 'sandbox'],
): Promise<Record<string, number>> {
  const tables = await db.query<{ name: string }>({
    text: `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname = ANY($1) AND tablename <> ALL($2) ORDER BY 1`,
    values: [schemas, ASIDE],
  });
  const counts = tables.map(({ name }) => `SELECT '${name}' AS name, count(*) AS n FROM ${name}`).join(' UNION ALL ');
  const rows = await db.query<{ name: string; n: number }>({ text: counts });
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}
