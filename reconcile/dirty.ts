import { lagSeconds } from '../core/bus/bus.ts';
import type { Consumer } from '../core/bus/consume.ts';
import type { BusEvent } from '../core/bus/event.ts';
import { parkedSince } from '../core/bus/parked.ts';
import { CONFLICT_EVENTS } from '../core/callbacks/callbacks.ts';
import type { Clock } from '../core/kernel/clock.ts';
import type { Database, Sql } from '../core/kernel/db/database.ts';
import { STOCK_EVENTS } from '../core/stock/pieces.ts';
import {
  markDirty,
  moveWatermark,
  nextRange,
  oldestEntryAfter,
  readSystemIdentifier,
  readWatermark,
} from './check.store.ts';
import type { Check, DirtyKind } from './check.ts';

/**
 * The dirty sets: what has been touched since the checks looked. Fed by the event rows (every move of every machine) and
 * by the journal (every entry, whoever wrote it), both in commit order behind the horizon.
 */
export const DIRTY_CONSUMER = 'checks.dirty';
const JOURNAL_MARK = 'dirty.journal';
const JOURNAL_ROWS = 10_000;

/** The key under which what belongs to no pay order is looked at: no such money may be booked as a capture. */
export const NO_PAY_ORDER = 'none';

interface FeedKit {
  readonly db: Database;
  readonly clock: Clock;
}

function checksOf(checks: readonly Check[], kind: DirtyKind): string[] {
  return checks.filter((c) => c.mode.by === 'dirty' && c.mode.kind === kind).map((c) => c.id);
}

/** The machines whose moves change what is set aside or sold; other changes of stock tell of themselves. */
const MOVES_STOCK: ReadonlySet<string> = new Set(['order', 'payment', 'shipment', 'refund']);

/** Marks the pay orders, the SKUs of their orders, and the contradicting messages that events speak of. */
export function dirtyConsumer(clock: Clock, checks: readonly Check[]): Consumer {
  const payOrderChecks = checksOf(checks, 'pay_order');
  const skuChecks = checksOf(checks, 'sku');
  const conflictChecks = checksOf(checks, 'conflict');
  return {
    name: DIRTY_CONSUMER,
    batch: 500,
    async handle(events, tx) {
      const now = clock.now();
      await markDirty(tx, payOrderChecks, 'pay_order', scopesOf(events), now);
      const moved = scopesOf(events.filter((event) => MOVES_STOCK.has(event.machine)));
      const skus = [...(await skusOf(tx, moved)), ...entitiesOf(events, STOCK_EVENTS)];
      await markDirty(tx, skuChecks, 'sku', skus, now);
      await markDirty(tx, conflictChecks, 'conflict', entitiesOf(events, CONFLICT_EVENTS), now);
    },
  };
}

function scopesOf(events: readonly BusEvent[]): string[] {
  const scopes = new Set<string>();
  for (const { scope } of events) if (scope !== null) scopes.add(scope);
  return [...scopes];
}

function entitiesOf(events: readonly BusEvent[], machine: string): string[] {
  return events.filter((event) => event.machine === machine).map(({ entityId }) => entityId);
}

async function skusOf(sql: Sql, payOrderIds: readonly string[]): Promise<string[]> {
  if (payOrderIds.length === 0) return [];
  const rows = await sql.query<{ sku: string }>({
    name: 'dirty_skus',
    text: `SELECT DISTINCT r.sku_id::text AS sku FROM core.orders o JOIN core.reservation r ON r.order_id = o.id
      WHERE o.pay_order_id = ANY($1)`,
    values: [payOrderIds],
  });
  return rows.map((row) => row.sku);
}

/** Marks what the journal's new entries touch: their accounts and pay orders. Returns whether there is more. */
async function feedFromJournal(kit: FeedKit, checks: readonly Check[]): Promise<boolean> {
  const systemIdentifier = (await readSystemIdentifier(kit.db)) ?? 'unknown';
  return kit.db.tx(async (tx) => {
    const known = await readWatermark(tx, JOURNAL_MARK);
    const after = known?.systemIdentifier === systemIdentifier ? known : { xid: '0', id: 0 };
    const range = await nextRange(tx, after, JOURNAL_ROWS);
    if (range === null) return false;
    const rows = await tx.query<{ account: string; pay_order: string }>({
      name: 'dirty_journal',
      text: `SELECT DISTINCT e.account_id AS account, coalesce(p.pay_order_id, '${NO_PAY_ORDER}') AS pay_order
          FROM core.entry e JOIN core.posting p ON p.id = e.posting_id
          WHERE (e.xid, e.id) > ($1::xid8, $2::bigint) AND (e.xid, e.id) <= ($3::xid8, $4::bigint)`,
      values: [after.xid, after.id, range.upTo.xid, range.upTo.id],
    });
    const now = kit.clock.now();
    const accounts = new Set(rows.map((row) => row.account));
    const payOrders = new Set(rows.map((row) => row.pay_order));
    await markDirty(tx, checksOf(checks, 'account'), 'account', [...accounts], now);
    await markDirty(tx, checksOf(checks, 'pay_order'), 'pay_order', [...payOrders], now);
    await moveWatermark(tx, JOURNAL_MARK, { ...range.upTo, systemIdentifier }, now);
    return range.more;
  });
}

/** How many stretches of the journal one feeding takes at the most; what is left is taken by the next. */
const FEED_TURNS = 20;

/** Fills the dirty sets from the journal until they know what is committed, or `FEED_TURNS` stretches are done. */
export async function feed(kit: FeedKit, checks: readonly Check[], signal: AbortSignal): Promise<void> {
  for (let turns = 0; turns < FEED_TURNS && !signal.aborted; turns += 1) {
    if (!(await feedFromJournal(kit, checks))) return;
  }
}

/**
 * Events about a check's subjects that were set aside, so that its dirty set never heard of them, and that its last full
 * audit (by the horizon of its snapshot) may not have seen either. Accounts are fed by the journal alone.
 */
export async function unheardEvents(kit: FeedKit, check: Check, auditHorizon: string): Promise<number> {
  if (check.mode.by !== 'dirty' || check.mode.kind === 'account') return 0;
  return parkedSince(kit, DIRTY_CONSUMER, auditHorizon);
}

/** How far the dirty sets are behind what was committed, in seconds: the slower of their two feeds. */
export async function feedLagSeconds(kit: FeedKit): Promise<number> {
  const mark = (await readWatermark(kit.db, JOURNAL_MARK)) ?? { xid: '0', id: 0 };
  const oldest = await oldestEntryAfter(kit.db, mark);
  const journal = oldest === null ? 0 : Math.max(0, (kit.clock.now().getTime() - oldest.getTime()) / 1000);
  return Math.max(journal, await lagSeconds(kit, DIRTY_CONSUMER));
}
