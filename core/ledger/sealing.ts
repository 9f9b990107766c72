import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/db/database.ts';
import { appendSeal, noteSuspects, readHead, readRound, type Seal, saveRound } from './sealing.store.ts';

/** Entries in a block, at most: what one statement hashes. */
export const BLOCK_ENTRIES = 1_000;
/** Blocks that one run seals at most; what is left is sealed by the next. */
const BLOCKS_A_RUN = 100;
/** A round of the rolling re-hash is cut into so many slices; run every ten seconds it takes twelve hours at most. */
const SLICES = 4_320;
/** A slice hashes at least and at most so many blocks. */
const SLICE_MIN = 5;
const SLICE_MAX = 500;

interface SealKit {
  readonly db: Database;
  readonly clock: Clock;
}

/**
 * Seals what the journal got since the last block: entries in (xid, id) order behind the snapshot horizon, where nothing
 * can still appear, in blocks whose hash is of their entries and of the block before. Costs what is new. Running it twice
 * at once seals each block once. Returns the new blocks, oldest first.
 *
 * Throws when the chain is of another life of the server: transaction ids begin anew after dump and restore.
 */
export async function sealNew(kit: SealKit, systemIdentifier: string): Promise<Seal[]> {
  const sealed: Seal[] = [];
  let head = await readHead(kit.db);
  if (head !== null && head.systemIdentifier !== systemIdentifier) {
    throw new Error(`the chain was sealed on server ${head.systemIdentifier}, and this one is ${systemIdentifier}`);
  }
  for (let blocks = 0; blocks < BLOCKS_A_RUN; blocks += 1) {
    const next = await appendSeal(kit.db, head, systemIdentifier, BLOCK_ENTRIES, kit.clock.now());
    if (next === null) break;
    sealed.push(next);
    head = next;
  }
  return sealed;
}

export interface Rehashed {
  readonly blocks: number;
  /** Blocks that are not what they were: for the check to look at. */
  readonly broken: readonly number[];
  /** The round came to its end: all history was hashed since it began. */
  readonly whole: boolean;
}

/**
 * One slice of the rolling re-hash: the next blocks are hashed again, and those that differ are noted as suspects. A slice
 * is bounded; all slices together cover all history in twelve hours when one runs every ten seconds.
 */
export async function rehashSlice(kit: SealKit): Promise<Rehashed> {
  const head = await readHead(kit.db);
  if (head === null) return { blocks: 0, broken: [], whole: false };
  const now = kit.clock.now();
  const round = (await readRound(kit.db)) ?? { nextBlock: 1, startedAt: now, wholeSince: null };
  const slice = Math.min(SLICE_MAX, Math.max(SLICE_MIN, Math.ceil(head.block / SLICES)));
  const last = Math.min(head.block, round.nextBlock + slice - 1);
  const broken = await noteSuspects(kit.db, round.nextBlock, last, now);
  const whole = last >= head.block;
  await saveRound(
    kit.db,
    whole ? { nextBlock: 1, startedAt: now, wholeSince: round.startedAt } : { ...round, nextBlock: last + 1 },
  );
  return { blocks: last - round.nextBlock + 1, broken, whole };
}
