import { readFile } from 'node:fs/promises';
import { asAdmin } from '../../support/admin.ts';
import { eventually } from '../../support/eventually.ts';
import type { Stage } from './stage.ts';

export interface Statement {
  /** The prepared statement's name; empty for one without. */
  readonly name: string;
  readonly text: string;
  /** As the server logged them: text, or null. */
  readonly values: readonly (string | null)[];
}

/** Statements that commit together: one alone, or those from BEGIN to COMMIT without the two. */
export interface Transaction {
  readonly explicit: boolean;
  readonly statements: readonly Statement[];
}

/** Work of the core that does not belong to any order: the leases of order numbers, tokens, probes, readers of the bus. */
const NOT_OF_AN_ORDER = /^(?:machine_number_|access|token|bus_)|^SELECT 1$/;
/** What begins a turn of a reader of the bus: the whole transaction is its own. */
const TURN_OF_A_READER = 'bus_lock';

/**
 * Plays `act` with every statement of the core in the server's log, and reads from it what the core did: the whole SQL,
 * in the order and the transactions in which it ran. `settled` says when nothing more is to come.
 */
export async function record(
  stage: Stage,
  act: () => Promise<void>,
  settled: () => Promise<boolean>,
): Promise<readonly Transaction[]> {
  const { adminUrl, directory } = stage.postgres;
  const logFile = `${directory}.log`;
  const before = (await readFile(logFile)).length;
  await asAdmin(adminUrl, `ALTER SYSTEM SET log_line_prefix = '@@%c@@%a@@'`);
  await asAdmin(adminUrl, `ALTER SYSTEM SET log_statement = 'all'`);
  await asAdmin(adminUrl, 'SELECT pg_reload_conf()');
  const read = async (): Promise<string> => (await readFile(logFile)).subarray(before).toString('utf8');
  // A session takes the new settings over with its next statement; a probe of ours shows that they are in force.
  await eventually(async () => {
    await stage.db.query({ text: 'SELECT 1' });
    return (await read()).includes('@@bench@@');
  });
  await act();
  await eventually(settled);
  await asAdmin(adminUrl, 'ALTER SYSTEM RESET log_statement');
  await asAdmin(adminUrl, 'ALTER SYSTEM RESET log_line_prefix');
  await asAdmin(adminUrl, 'SELECT pg_reload_conf()');
  return transactionsIn(await read());
}

/** Reads the server's log: entries begin with our prefix, and their further lines with a tab. */
export function transactionsIn(log: string): Transaction[] {
  const done: Transaction[] = [];
  const open = new Map<string, Statement[]>();
  let last: { session: string; statement: { name: string; text: string; values: (string | null)[] } } | undefined;
  for (const entry of log.split(/^(?=@@)/m)) {
    const match = /^@@([^@]*)@@([^@]*)@@(LOG|DETAIL): {2}([\s\S]*?)\n?$/.exec(entry);
    if (match === null) continue;
    const [, session = '', application = '', kind, rest = ''] = match;
    if (!application.startsWith('tidegate ')) continue;
    const text = rest.replaceAll('\n\t', '\n');
    if (kind === 'DETAIL') {
      if (last?.session === session) last.statement.values.push(...valuesIn(text));
      continue;
    }
    last = undefined;
    const [, name = '', said = ''] = /^(?:statement|execute ([^:]*)): ([\s\S]*)$/.exec(text) ?? [];
    if (/^BEGIN\b/.test(said)) open.set(session, []);
    else if (/^(?:COMMIT|ROLLBACK)\b/.test(said)) {
      const statements = open.get(session);
      open.delete(session);
      last = undefined;
      if (statements !== undefined && statements.length > 0 && statements[0]?.name !== TURN_OF_A_READER)
        done.push({ explicit: true, statements });
    } else if (
      said !== '' &&
      (name === TURN_OF_A_READER || !(NOT_OF_AN_ORDER.test(name) || NOT_OF_AN_ORDER.test(said)))
    ) {
      const statement = { name, text: said, values: [] as (string | null)[] };
      last = { session, statement };
      const inside = open.get(session);
      if (inside === undefined) done.push({ explicit: false, statements: [statement] });
      else inside.push(statement);
    }
  }
  return done;
}

/** `Parameters: $1 = 'a', $2 = NULL`: quotes inside are doubled. */
function valuesIn(detail: string): (string | null)[] {
  return [...detail.matchAll(/\$\d+ = (NULL|'((?:[^']|'')*)')/g)].map(([, whole, quoted]) =>
    whole === 'NULL' ? null : (quoted ?? '').replaceAll("''", "'"),
  );
}
