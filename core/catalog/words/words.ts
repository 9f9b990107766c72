import type { CoreContext } from '../../context.ts';
import type { Sql } from '../../kernel/db/database.ts';
import { catchRefusal, type ErrorCode, must, ok, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import { logOperation } from '../../operations/operation-log.ts';

/** The words that products are described with: each list is one table of names. */
export const WORDS = {
  brand: { table: 'core.brand', unknown: 'brand_unknown' },
  attribute: { table: 'core.attribute', unknown: 'attribute_unknown' },
  tag: { table: 'core.tag', unknown: 'tag_unknown' },
} as const satisfies Record<string, { table: string; unknown: ErrorCode }>;

export type WordKind = keyof typeof WORDS;

export interface Word {
  readonly id: number;
  readonly name: string;
  readonly version: number;
}

/**
 * Makes a word. Its name is its key: the same name again answers the word that is there.
 *
 * Refuses: `name_taken` (the name has another id, or the id another name).
 */
export function createWord(
  ctx: CoreContext,
  actor: string,
  kind: WordKind,
  wish: { readonly id?: number | undefined; readonly name: string },
): Promise<Result<{ readonly word: Word; readonly replayed: boolean }>> {
  const { table } = WORDS[kind];
  return catchRefusal(() =>
    ctx.db.tx(async (tx) => {
      const [made] = await tx.query<Word>({
        text: `INSERT INTO ${table} (${wish.id === undefined ? 'name' : 'name, id'})
          VALUES (${wish.id === undefined ? '$1' : '$1, $2'}) ON CONFLICT DO NOTHING RETURNING id, name, version`,
        values: wish.id === undefined ? [wish.name] : [wish.name, wish.id],
      });
      if (made === undefined) return { word: await sameWord(tx, kind, wish), replayed: true };
      await logOperation(
        tx,
        { actor, entityType: kind, entityId: String(made.id), operation: 'create', before: null, after: made },
        ctx.clock.now(),
      );
      return { word: made, replayed: false };
    }),
  );
}

async function sameWord(sql: Sql, kind: WordKind, wish: { readonly id?: number | undefined; readonly name: string }) {
  const rows = await sql.query<Word>({
    text: `SELECT id, name, version FROM ${WORDS[kind].table} WHERE name = $1 OR id = $2`,
    values: [wish.name, wish.id ?? null],
  });
  const same = rows.find((row) => row.name === wish.name && (wish.id === undefined || row.id === wish.id));
  if (same !== undefined) return same;
  const [other] = rows;
  throw new RefusalError(refuse('name_taken', `There is ${kind} ${other?.id}, "${other?.name}", already.`));
}

/** Renames a word. Refuses: its `…_unknown`; `stale_revision`; `name_taken`. */
export async function renameWord(
  ctx: CoreContext,
  actor: string,
  kind: WordKind,
  change: { readonly id: number; readonly version: number; readonly name: string },
): Promise<Result<Word>> {
  const { table, unknown } = WORDS[kind];
  const { id, version, name } = change;
  try {
    return await catchRefusal(() =>
      ctx.db.tx(async (tx) => {
        const [before] = await tx.query<Word>({
          text: `SELECT id, name, version FROM ${table} WHERE id = $1 FOR NO KEY UPDATE`,
          values: [id],
        });
        if (before === undefined) throw new RefusalError(refuse(unknown, `No ${kind} has the id ${id}.`));
        if (before.version !== version) throw new RefusalError(refuseStale(`${kind} ${id}`, before.version));
        const [after] = await tx.query<Word>({
          text: `UPDATE ${table} SET name = $2, version = version + 1 WHERE id = $1 RETURNING id, name, version`,
          values: [id, name],
        });
        await logOperation(
          tx,
          { actor, entityType: kind, entityId: String(id), operation: 'rename', before, after },
          ctx.clock.now(),
        );
        return must(after, `${kind} ${id}`);
      }),
    );
  } catch (error) {
    if (isTaken(error)) return refuse('name_taken', `Another ${kind} is called "${name}".`);
    throw error;
  }
}

/** In the order of their ids, after one when given. */
export function listWords(sql: Sql, kind: WordKind, after: number | null, limit: number): Promise<Word[]> {
  return sql.query<Word>({
    name: `words_${kind}`,
    text: `SELECT id, name, version FROM ${WORDS[kind].table} WHERE $1::bigint IS NULL OR id > $1 ORDER BY id LIMIT $2`,
    values: [after, limit],
  });
}

/** Says which of these ids are not there. Refuses: the kind's `…_unknown`. */
export async function checkWords(
  sql: Sql,
  kind: WordKind,
  ids: readonly number[],
  path: string,
): Promise<Result<null>> {
  const rows = await sql.query<{ id: number }>({
    name: `words_lacking_${kind}`,
    text: `SELECT DISTINCT w.id FROM unnest($1::bigint[]) AS w(id) WHERE NOT EXISTS (SELECT FROM ${WORDS[kind].table} t WHERE t.id = w.id)`,
    values: [ids],
  });
  const [first] = rows;
  if (first === undefined) return ok(null);
  const errors = rows.slice(0, 20).map((row) => ({ path, message: `no ${kind} has the id ${row.id}` }));
  return refuse(WORDS[kind].unknown, `No ${kind} has the id ${first.id}.`, { errors });
}

export function refuseStale(what: string, version: number) {
  return refuse('stale_revision', `${what} stands at version ${version} now; read it again.`, { meta: { version } });
}

/** A name that is unique was taken by somebody else. */
export function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}
