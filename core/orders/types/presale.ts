import { z } from '@hono/zod-openapi';
import { ok, type Result, refuse } from '../../kernel/errors.ts';
import { moneySchema, positiveMoney } from '../../kernel/http/values.ts';
import { wire } from '../../kernel/http/wire.ts';
import { formatMoney, money } from '../../kernel/money.ts';
import type { OrderType } from '../order-type.ts';
import type { PricedGoods } from '../pricing.ts';
import type { Stages } from '../stages.ts';

const MAX_DAYS = 180;
const DAY_MS = 24 * 3_600_000;
/** For how long a balance may be paid at least. */
const MIN_WINDOW_MS = 10 * 60_000;

const terms = wire
  .object({
    /** What is paid now (定金), and what it is worth when the balance is paid (定金膨胀): the difference is a subsidy. */
    deposit: positiveMoney,
    worth: moneySchema.optional(),
    /** When the balance (尾款) may be paid. */
    balanceFrom: wire.time,
    balanceUntil: wire.time,
    /** What becomes of the deposit when the balance is not paid in time, or the shopper cancels before it is. */
    missed: z.enum(['forfeit', 'return']).default('forfeit'),
  })
  .refine((t) => t.balanceFrom < t.balanceUntil, { path: ['balanceUntil'], message: 'must be after balanceFrom' });

/**
 * Presale (预售): a deposit now, the balance later. The stock is held from the deposit on; the goods are sent when the balance
 * is paid. One line, so that both sums belong to one order.
 */
export default {
  id: 'presale',
  details: terms,
  example: {
    deposit: { amount: 1, currency: 'CNY' },
    worth: { amount: 2, currency: 'CNY' },
    balanceFrom: '2030-11-11T00:00:00Z',
    balanceUntil: '2030-11-12T00:00:00Z',
  },
  needsAddress: true,
  refuse(lines) {
    const [first, second] = lines;
    if (first === undefined || first.goodsKind !== 'physical') {
      return refuse('order_type_mismatch', 'Nothing of this is shipped; what is sold in advance is.', {
        errors: [{ path: 'items.0.skuId', message: 'is not shipped' }],
      });
    }
    if (second === undefined) return null;
    return refuse('order_type_mismatch', 'A presale has one kind of goods; order the other apart.', {
      errors: [{ path: 'items.1.skuId', message: 'is a second kind of goods' }],
    });
  },
  stages(details, goods, now, due) {
    const t = terms.parse(details);
    const worth = t.worth ?? t.deposit;
    const total = formatMoney(money(goods.amount, goods.currency));
    const wrong = (path: string, message: string): Result<Stages> =>
      refuse('order_type_mismatch', `The goods cost ${total}: details.${path} ${message}.`, {
        errors: [{ path: `details.${path}`, message }],
      });
    if (t.deposit.currency !== goods.currency) return wrong('deposit', `must be in ${goods.currency}`);
    if (worth.currency !== goods.currency) return wrong('worth', `must be in ${goods.currency}`);
    if (worth.amount < t.deposit.amount) return wrong('worth', 'must not be less than the deposit');
    if (worth.amount >= goods.amount) return wrong('worth', `must be less than ${total}`);
    const until = new Date(t.balanceUntil);
    const opensAt = new Date(t.balanceFrom);
    if (until <= now) return wrong('balanceUntil', 'has passed');
    // Else a deposit that was paid in time could be forfeited before its balance can be paid.
    const earliest = new Date(Math.max(opensAt.getTime(), due.getTime()) + MIN_WINDOW_MS);
    if (until < earliest)
      return wrong(
        'balanceUntil',
        `must be ${earliest.toISOString()} or later: the deposit is due at ${due.toISOString()}, and 10 minutes must be left after that and after balanceFrom`,
      );
    if (until.getTime() > now.getTime() + MAX_DAYS * DAY_MS)
      return wrong('balanceUntil', `must be in ${MAX_DAYS} days at most`);
    return ok(stagesOf(goods, t.deposit.amount, worth.amount, opensAt, until));
  },
} satisfies OrderType;

function stagesOf(goods: PricedGoods, deposit: number, worth: number, opensAt: Date, expiresAt: Date): Stages {
  return { deposit, bonus: worth - deposit, balance: goods.amount - worth, opensAt, expiresAt };
}
