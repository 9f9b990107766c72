import type { UnclaimedLine } from './claims.store.ts';

/**
 * The share of a line's money that some of its pieces carry, in minor units. Each piece carries an equal part by the
 * largest remainder (the earlier pieces one unit more), and the last refund of a line is what is left: so however a line is
 * split, its refunds add up to what was paid for it. 0.01 over three pieces goes back as 1, 0, 0.
 */
export function shareOf(
  line: UnclaimedLine,
  quantity: number,
): { readonly lineNo: number; readonly quantity: number; readonly cash: number; readonly subsidy: number } {
  return {
    lineNo: line.line_no,
    quantity,
    cash: partOf(line.payable, line.claimed_cash, line, quantity),
    subsidy: partOf(line.discount, line.claimed_subsidy, line, quantity),
  };
}

function partOf(whole: number, before: number, line: UnclaimedLine, quantity: number): number {
  const left = whole - before;
  if (line.claimed + quantity === line.quantity) return left;
  const until = (pieces: number): number => {
    const over = whole % line.quantity;
    return ((whole - over) / line.quantity) * pieces + Math.min(pieces, over);
  };
  return Math.min(left, until(line.claimed + quantity) - until(line.claimed));
}
