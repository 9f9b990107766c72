import type { Sql } from '../kernel/db/database.ts';
import { brokenBlocks, hashOf } from './seals.read.ts';

/** A block of the chain, as far as the next one needs it. */
export interface Seal {
  readonly block: number;
  readonly uptoXid: string;
  readonly uptoId: number;
  readonly entries: number;
  readonly hash: string;
  readonly systemIdentifier: string;
}

const SEAL = `block, upto_xid::text AS "uptoXid", upto_id AS "uptoId", entries, hash, system_identifier AS "systemIdentifier"`;

export async function readHead(sql: Sql): Promise<Seal | null> {
  const rows = await sql.query<Seal>({
    name: 'seal_head',
    text: `SELECT ${SEAL} FROM core.seal ORDER BY block DESC LIMIT 1`,
  });
  return rows[0] ?? null;
}

/** Seals the next block on top of `head`. Null: there is nothing to seal, or somebody else has just sealed it. */
export async function appendSeal(
  sql: Sql,
  head: Seal | null,
  systemIdentifier: string,
  limit: number,
  now: Date,
): Promise<Seal | null> {
  const rows = await sql.query<Seal>({
    name: 'seal_append',
    text: `WITH e AS MATERIALIZED (
        SELECT * FROM core.entry WHERE (xid, id) > ($2::xid8, $3::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY core.entry.xid, core.entry.id LIMIT $7
      ), furthest AS (SELECT xid, id FROM e ORDER BY e.xid DESC, e.id DESC LIMIT 1)
      INSERT INTO core.seal (block, after_xid, after_id, upto_xid, upto_id, entries, previous, hash, system_identifier, at)
      SELECT $1, $2::xid8, $3::bigint, furthest.xid, furthest.id, sealed.entries, $4::text, sealed.hash, $5, $6
      FROM furthest, (SELECT count(*) AS entries, ${hashOf('$4::text')} AS hash FROM e) sealed
      ON CONFLICT (block) DO NOTHING RETURNING ${SEAL}`,
    values: [
      (head?.block ?? 0) + 1,
      head?.uptoXid ?? '0',
      head?.uptoId ?? 0,
      head?.hash ?? '',
      systemIdentifier,
      now,
      limit,
    ],
  });
  return rows[0] ?? null;
}

/** Hashes blocks first..last again and keeps those that differ. */
export async function noteSuspects(sql: Sql, first: number, last: number, now: Date): Promise<number[]> {
  const rows = await sql.query<{ row_key: string }>({
    name: 'seal_rehash',
    text: brokenBlocks('s.block BETWEEN $1 AND $2'),
    values: [first, last],
  });
  const broken = rows.map((row) => Number(row.row_key));
  if (broken.length > 0) {
    await sql.query({
      name: 'seal_suspect',
      text: `INSERT INTO core.seal_suspect (block, at) SELECT block, $2::timestamptz FROM unnest($1::bigint[]) AS b (block)
        ON CONFLICT (block) DO NOTHING`,
      values: [broken, now],
    });
  }
  return broken;
}

export interface Round {
  readonly nextBlock: number;
  readonly startedAt: Date;
  readonly wholeSince: Date | null;
}

const NAME = 'rolling';

export async function readRound(sql: Sql): Promise<Round | null> {
  const rows = await sql.query<Round>({
    name: 'seal_round',
    text: `SELECT next_block AS "nextBlock", started_at AS "startedAt", whole_since AS "wholeSince"
      FROM core.seal_round WHERE name = $1`,
    values: [NAME],
  });
  return rows[0] ?? null;
}

export async function saveRound(sql: Sql, round: Round): Promise<void> {
  await sql.query({
    name: 'seal_round_save',
    text: `INSERT INTO core.seal_round (name, next_block, started_at, whole_since) VALUES ($1, $2, $3, $4)
      ON CONFLICT (name) DO UPDATE SET next_block = excluded.next_block, started_at = excluded.started_at,
        whole_since = excluded.whole_since`,
    values: [NAME, round.nextBlock, round.startedAt, round.wholeSince],
  });
}
