import type { Sql } from '../../core/kernel/db/database.ts';
import { brokenBlocks, readSealStanding } from '../../core/ledger/seals.read.ts';
import { readSystemIdentifier } from '../check.store.ts';
import { defineCheck, found } from '../check.ts';
import { anyIsWorst } from '../findings/tiers.ts';
import { namesIn } from '../scope.ts';

/** The journal must be sealed this far up to now, and all of it hashed again within a day. */
const MAX_UNSEALED_MS = 3_600_000;
const MAX_ROUND_MS = 24 * 3_600_000;

/**
 * What is sealed is what was sealed. All history is hashed again by the sealing job, in slices; a block that differs there
 * is looked at here, exactly, together with the newest one. Rows: block numbers.
 */
export default defineCheck({
  id: 'hash-chain',
  title: 'The journal is what it was when it was sealed',
  titleZh: '流水哈希链完整',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'Every sealed block was hashed again within a day and is what it was; the journal is sealed up to an hour ago.',
  mode: { by: 'scan' },
  severity: anyIsWorst,
  subjects: 'SELECT coalesce(max(block), 0) AS count FROM core.seal',
  violations: async (db, scope) => {
    const rows = namesIn(scope);
    if (rows !== null) return found(db, { text: brokenBlocks('s.block::text = ANY($1)'), values: [rows] });
    const suspected = `s.block IN (SELECT block FROM core.seal_suspect UNION ALL SELECT max(block) FROM core.seal)`;
    const seen = await found(db, { text: brokenBlocks(suspected), values: [] });
    // What is broken is said first: knowing too little is no reason to be silent about it.
    if (seen.count === 0) await demandKnowledge(db, scope.now);
    return seen;
  },
});

/** Throws, which makes the verdict unknown, where green would claim more than was looked at. */
async function demandKnowledge(db: Sql, now: Date): Promise<void> {
  const standing = await readSealStanding(db);
  const age = (at: Date): number => now.getTime() - at.getTime();
  const { head, unsealedSince, firstAt } = standing;
  if (head !== null && head.systemIdentifier !== (await readSystemIdentifier(db))) {
    throw new Error('the chain was sealed in another life of this database');
  }
  if (unsealedSince !== null && age(unsealedSince) > MAX_UNSEALED_MS) {
    throw new Error(`nothing written since ${unsealedSince.toISOString()} is sealed`);
  }
  const hashedAfter = standing.wholeSince ?? firstAt;
  if (hashedAfter !== null && age(hashedAfter) > MAX_ROUND_MS) {
    throw new Error(`all history was last hashed again before ${hashedAfter.toISOString()}`);
  }
}
