import { z } from 'zod';
import type { Sql } from '../../core/kernel/db/database.ts';
import { AT_RISK } from '../../reconcile/findings/findings.ts';
import { type Finding, finding, type MoneyAmount } from '../api/contract.ts';

export const FINDING_STATUSES = finding.shape.status.options;
export type FindingStatus = Finding['status'];

interface FindingRow extends Omit<Finding, 'exposure' | 'firstBadAt' | 'foundAt' | 'lastSeenAt'> {
  readonly amount: number;
  readonly currency: string;
  readonly firstBadAt: Date;
  readonly foundAt: Date;
  readonly lastSeenAt: Date;
}

const COLUMNS = `id, check_id AS "check", tier, status, amount, currency, detail, row_key AS "rowKey",
  first_bad_at AS "firstBadAt", found_at AS "foundAt", last_seen_at AS "lastSeenAt"`;

/** Where a page of findings ends: its last one's time as the database writes it, to the microsecond, and its id. */
export const findingPlace = z.tuple([z.string().regex(/^[0-9 :.+-]{10,40}$/), z.string().max(100)]);
export type FindingPlace = z.infer<typeof findingPlace>;

export interface PlacedFinding {
  readonly finding: Finding;
  readonly place: FindingPlace;
}

/** The newest first, after `after`; of the statuses named. */
export async function listFindings(
  sql: Sql,
  { statuses, after, limit }: { statuses: readonly FindingStatus[]; after: FindingPlace | undefined; limit: number },
): Promise<PlacedFinding[]> {
  const rows = await sql.query<FindingRow & { place: string }>({
    name: 'overview.findings',
    text: `SELECT ${COLUMNS}, found_at::text AS place
           FROM reconcile.finding
           WHERE status = ANY($1) AND ($2::timestamptz IS NULL OR (found_at, id) < ($2, $3))
           ORDER BY found_at DESC, id DESC LIMIT $4`,
    values: [statuses, after?.[0] ?? null, after?.[1] ?? null, limit],
  });
  return rows.map(({ place, ...row }) => ({ place: [place, row.id], finding: fromRow(row) }));
}

/**
 * What is at risk, for a screen that has room for `limit`: the worst of each check first, so that none is hidden behind
 * the many of another, then the others by tier and money.
 */
export async function worstFindings(sql: Sql, limit: number): Promise<Finding[]> {
  const rows = await sql.query<FindingRow>({
    name: 'overview.worst_findings',
    text: `SELECT ${COLUMNS}
           FROM (SELECT *, row_number() OVER (PARTITION BY check_id ORDER BY tier, amount DESC, found_at DESC, id) AS rank
                 FROM reconcile.finding WHERE status = ANY($1)) ranked
           ORDER BY rank > 1, tier, amount DESC, found_at DESC, id LIMIT $2`,
    values: [AT_RISK, limit],
  });
  return rows.map(fromRow);
}

function fromRow({ amount, currency, firstBadAt, foundAt, lastSeenAt, ...row }: FindingRow): Finding {
  return {
    ...row,
    exposure: { amount, currency },
    firstBadAt: firstBadAt.toISOString(),
    foundAt: foundAt.toISOString(),
    lastSeenAt: lastSeenAt.toISOString(),
  };
}

/** How many findings are open, and what they come to per currency: at most what an amount can say. */
export async function readExposure(sql: Sql): Promise<{ open: number; atRisk: MoneyAmount[] }> {
  const rows = await sql.query<{ currency: string; open: number; amount: string }>({
    name: 'overview.exposure',
    text: `SELECT currency, count(*) AS open, sum(amount)::text AS amount
           FROM reconcile.finding WHERE status = ANY($1) GROUP BY currency ORDER BY currency`,
    values: [AT_RISK],
  });
  const sums = rows.map(({ amount, currency }) => ({
    amount: Math.min(Number(amount), Number.MAX_SAFE_INTEGER),
    currency,
  }));
  return { open: rows.reduce((sum, { open }) => sum + open, 0), atRisk: sums.filter(({ amount }) => amount !== 0) };
}
