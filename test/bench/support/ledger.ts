import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import pg from 'pg';
import { systemClock } from '../../../core/kernel/clock.ts';
import { type Database, openDatabase, type Query, type Sql } from '../../../core/kernel/db/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../core/kernel/db/embedded.ts';
import { migrate } from '../../../core/kernel/db/migrate.ts';
import { createLogger } from '../../../core/kernel/log.ts';
import { clearing, wallet } from '../../../core/ledger/accounts.ts';
import { post } from '../../../core/ledger/ledger.ts';
import { credit, debit, type Posting } from '../../../core/ledger/posting.ts';
import { CORE_MIGRATIONS } from '../../../core/migrations.ts';

/** Accounts that everything is booked on. */
export const HOT = 10;
const AMOUNT = 5;
/** What each wallet holds at first: more than any round moves. */
export const FILLED = 1_000_000_000;

export interface LedgerStage extends AsyncDisposable {
  readonly postgres: EmbeddedPostgres;
  readonly db: Database;
  readonly directory: string;
  readonly log: ReturnType<typeof createLogger>;
}

/** The embedded database with its durable settings, migrated; nothing else runs. */
export async function openLedgerStage(signal: AbortSignal, clients: number): Promise<LedgerStage> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp('/var/tmp/tidegate-bench-');
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  // The server runs as another user where we are root, and must reach its folder.
  await chmod(directory, 0o755);
  const log = createLogger('bench', { logLevel: 'error', instance: 'bench' });
  const postgres = stack.use(await startEmbeddedPostgres({ dataDir: directory, port: 0, log, signal }));
  const appRole = new URL(postgres.appUrl).username;
  await migrate({ url: postgres.ownerUrl, appRole, ...CORE_MIGRATIONS, log });
  const db = stack.use(await openDatabase({ url: postgres.appUrl, poolSize: clients, applicationName: 'bench', log }));
  const owned = stack.move();
  return { postgres, db, directory, log, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The accounts that a transfer moves between: the platform's, which nobody locks, or wallets, which are locked. */
export type Accounts = 'platform' | 'wallets';

let facts = 0;

/** Five units from one hot account to another. */
export function transfer(accounts: Accounts, from: number, to: number): Posting {
  facts += 1;
  const [a, b] =
    accounts === 'platform'
      ? [clearing(`hot${from}`, 'CNY'), clearing(`hot${to}`, 'CNY')]
      : [wallet(from, 'CNY'), wallet(to, 'CNY')];
  const sides = [debit(a, AMOUNT), credit(b, AMOUNT)];
  return { kind: 'correction', reference: `bench_${facts}`, payOrderId: null, reason: 'a benchmark', sides };
}

/** Two of the hot accounts, never the same. */
export function twoHot(): readonly [number, number] {
  const from = 1 + Math.floor(Math.random() * HOT);
  return [from, 1 + ((from + Math.floor(Math.random() * (HOT - 1))) % HOT)];
}

/** Every wallet is filled, so that none is refused, and every account is there. */
export async function fill(db: Database): Promise<void> {
  for (let i = 1; i <= HOT; i += 1) {
    const filled = { kind: 'correction', payOrderId: null, reason: 'a benchmark' } as const;
    const sides = [debit(clearing(`hot${i}`, 'CNY'), FILLED), credit(wallet(i, 'CNY'), FILLED)];
    await post(db, systemClock, { ...filled, reference: `filled_${i}`, sides });
  }
}

/**
 * What `post` asks the database for a transfer, as a script that pgbench plays: the same statement, with the two accounts
 * and the reference as variables. `tag` keeps the references of one run apart from those of others.
 */
export async function transferScript(db: Database, accounts: Accounts, tag: string): Promise<string> {
  const seen: Query[] = [];
  const recording: Sql = {
    query: (query) => {
      seen.push(query);
      return db.query(query);
    },
  };
  const posting = transfer(accounts, 3, 7);
  await post(recording, systemClock, posting);
  const [query] = seen;
  if (query === undefined || seen.length !== 1) throw new Error(`a posting is one statement, not ${seen.length}`);
  // pgbench sees a variable behind every colon, in quotes too.
  const quoted = (text: string): string => `E'${text.replaceAll("'", "''").replaceAll(':', '\\x3a')}'`;
  const variable = (text: string): string => {
    if (text === posting.reference) return `(${quoted(`${tag}_`)} || :client_id || '_' || :n)`;
    const hot = /^(clearing:hot|wallet:)(3|7)(:CNY)$/.exec(text);
    if (hot === null) return quoted(text);
    return `(${quoted(hot[1] ?? '')} || :${hot[2] === '3' ? 'a' : 'b'} || ${quoted(hot[3] ?? '')})`;
  };
  const literal = (value: unknown): string => {
    if (value === null || value === undefined) return 'NULL';
    if (value instanceof Date) return 'now()';
    if (Array.isArray(value)) return `ARRAY[${value.map(literal).join(', ')}]`;
    return typeof value === 'string' ? variable(value) : String(value);
  };
  const values = query.values ?? [];
  const text = query.text.replace(/\$(\d+)/g, (_, n: string) => literal(values[Number(n) - 1]));
  return [...HOT_PAIR, `${text.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim()};`, ''].join('\n');
}

const HOT_PAIR = [
  '\\set n :n + 1',
  `\\set a random(1, ${HOT})`,
  `\\set b 1 + (:a + random(0, ${HOT - 2})) % ${HOT}`,
] as const;

/** A transfer of pgledger between two of ten accounts that may go below zero. */
export const PGLEDGER_SCRIPT = [
  ...HOT_PAIR,
  `SELECT * FROM pgledger_create_transfer('hot' || :a, 'hot' || :b, ${AMOUNT});`,
  '',
].join('\n');

/** Creates pgledger from its own SQL files in a database of its own beside ours, and its ten accounts. Returns its URL. */
export async function installPgledger({ postgres }: LedgerStage, files: readonly string[]): Promise<string> {
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  try {
    await admin.query('CREATE DATABASE pgledger');
  } finally {
    await admin.end();
  }
  const url = new URL(postgres.adminUrl);
  url.pathname = '/pgledger';
  const client = new pg.Client({ connectionString: url.toString() });
  await client.connect();
  try {
    for (const file of files) await client.query(await readFile(file, 'utf8'));
    await client.query(`INSERT INTO pgledger_accounts (id, name, currency, allow_negative_balance, allow_positive_balance,
        created_at, updated_at) SELECT 'hot' || n, 'hot ' || n, 'CNY', true, true, now(), now() FROM generate_series(1, ${HOT}) n`);
  } finally {
    await client.end();
  }
  return url.toString();
}

/** Adds postings of two entries each, many in one transaction: history that nobody waited for. */
export async function addHistory(db: Database, tag: string, postings: number): Promise<void> {
  const PIECE = 20_000;
  for (let first = 0; first < postings; first += PIECE) {
    await db.query({
      text: `WITH p AS (INSERT INTO core.posting (kind, reference, reason, at)
          SELECT 'correction', $1 || n, 'history', now() FROM generate_series($2::bigint, $3::bigint) n RETURNING id)
        INSERT INTO core.entry (posting_id, account_id, amount, currency, at)
        SELECT p.id, 'clearing:hot' || side.n || ':CNY', side.amount, 'CNY', now()
        FROM p, LATERAL (VALUES (1 + p.id % ${HOT}, 5), (1 + (p.id + 1) % ${HOT}, -5)) AS side (n, amount)`,
      values: [`${tag}_`, first + 1, Math.min(postings, first + PIECE)],
    });
  }
}
