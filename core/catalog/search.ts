import type { CoreContext } from '../context.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { type ProductSummary, summaryOf } from './catalog.read.ts';
import { findProductRows, type ProductFilter } from './search.store.ts';
import { refreshDueStats } from './stats/stats.store.ts';

/** What one search may take; one that needs more is asked to say more. */
const SEARCH_MS = 2_000;

/**
 * A page of the products that fit, the newest first; `before` is the last id of the page before. It reads the products' own
 * indexes, so it is never behind them; only the price range is that of the statistics, which follow when a price begins or ends.
 *
 * Refuses: `search_too_broad` (it took longer than two seconds).
 */
export async function searchProducts(
  ctx: CoreContext,
  filter: ProductFilter,
  limit: number,
): Promise<Result<ProductSummary[]>> {
  const now = ctx.clock.now();
  if (filter.price !== undefined) await ctx.db.tx((tx) => refreshDueStats(tx, now));
  try {
    const options = { readOnly: true, statementTimeoutMs: SEARCH_MS };
    const rows = await ctx.db.tx((tx) => findProductRows(tx, filter, limit, now), options);
    return ok(rows.map(summaryOf));
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return refuse(
      'search_too_broad',
      `The search took longer than ${SEARCH_MS} ms; name a category, a brand or more of the name.`,
    );
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57014';
}
