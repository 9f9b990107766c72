import type { Currency } from '../kernel/money.ts';
import * as chart from './accounts.ts';
import { credit, debit, type Posting, type PostingKind, type Side } from './posting.ts';

/**
 * Every movement of money and points, as a word: a posting is made here and nowhere else, so that nobody spells sides by
 * hand. Amounts are minor units, never negative. Hand the result to `post` or `tryPost`. Source: the table of 02, Ledger.
 */
interface Fact {
  /** The business fact, such as a capture's id: the word and this are posted once together. */
  readonly reference: string;
  readonly payOrderId: string | null;
  readonly reason: string;
}

interface Money {
  readonly currency: Currency;
  readonly amount: number;
}

interface OfOrder {
  readonly orderId: string | null;
}

interface OfUser {
  readonly userId: number;
}

/** A user's balance has part in it. */
export interface WalletPart {
  readonly userId: number;
  readonly amount: number;
}

export interface OrderShare {
  readonly orderId: string;
  /** What the order is worth: cash, wallet and subsidy together. */
  readonly amount: number;
}

export interface Capture extends Fact {
  readonly channel: string;
  readonly currency: Currency;
  /** What the channel took. */
  readonly cash: number;
  /** What came out of the user's balance; `held`: it was set aside by `walletHeld` before. */
  readonly wallet?: WalletPart & { readonly held: boolean };
  /** What coupons and points pay of it. */
  readonly subsidy: number;
  readonly orders: readonly OrderShare[];
  /** `deposit`: the money is held for the customer until the balance is paid. Default `full`. */
  readonly stage?: 'full' | 'deposit';
}

/** A payment succeeded (P8): clearing, balance and subsidy against what merchants earn, or against deposits. */
export function capture(c: Capture): Posting {
  const owed = c.stage === 'deposit' ? chart.customerDeposits(c.currency) : chart.merchantPayable(c.currency);
  return fact('capture', c, [
    debit(chart.clearing(c.channel, c.currency), c.cash),
    ...(c.wallet === undefined ? [] : [debit(walletSource(c.wallet, c.currency), c.wallet.amount)]),
    debit(chart.subsidy(c.currency), c.subsidy),
    ...c.orders.map((order) => credit(owed, order.amount, order.orderId)),
  ]);
}

function walletSource(part: { userId: number; held: boolean }, currency: Currency): chart.AccountRef {
  return part.held ? chart.customerDeposits(currency) : chart.wallet(part.userId, currency);
}

/**
 * A balance is set aside while its payment is under way, so that two payments never count on the same money. Refused by
 * `tryPost` where the balance does not suffice. `capture` with `held` uses it, `walletReleased` gives it back.
 */
export function walletHeld(f: Fact & Money & OfUser): Posting {
  const { currency, amount } = f;
  return fact('wallet_held', f, [
    debit(chart.wallet(f.userId, currency), amount),
    credit(chart.customerDeposits(currency), amount),
  ]);
}

/** The payment came to nothing: what was set aside is the user's again. The reference is that of `walletHeld`. */
export function walletReleased(f: Fact & Money & OfUser): Posting {
  const { currency, amount } = f;
  return fact('wallet_released', f, [
    debit(chart.customerDeposits(currency), amount),
    credit(chart.wallet(f.userId, currency), amount),
  ]);
}

/** A top-up (充值) that was paid for is delivered: what its order earned becomes the user's balance. */
export function walletToppedUp(f: Fact & Money & OfUser & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('wallet_topped_up', f, [
    debit(chart.merchantPayable(currency), amount, orderId),
    credit(chart.wallet(f.userId, currency), amount, orderId),
  ]);
}

/** Money that came after its attempt had ended. */
export function lateCapture(f: Fact & Money & { readonly channel: string }): Posting {
  return fact('late_capture', f, [
    debit(chart.clearing(f.channel, f.currency), f.amount),
    credit(chart.suspense(f.currency), f.amount),
  ]);
}

/** A late capture pays its order after all (policy `revive`). */
export function lateCaptureRevived(
  f: Fact & Money & { readonly subsidy: number; readonly orders: readonly OrderShare[] },
): Posting {
  return fact('late_capture_revived', f, [
    debit(chart.suspense(f.currency), f.amount),
    debit(chart.subsidy(f.currency), f.subsidy),
    ...f.orders.map((order) => credit(chart.merchantPayable(f.currency), order.amount, order.orderId)),
  ]);
}

/** The balance of a presale is paid: the deposit, and what it is worth beyond what it cost (定金膨胀), become earned. */
export function depositApplied(f: Fact & Money & OfOrder & { readonly bonus: number }): Posting {
  const { currency, amount, bonus, orderId } = f;
  return fact('deposit_applied', f, [
    debit(chart.customerDeposits(currency), amount, orderId),
    debit(chart.subsidy(currency), bonus, orderId),
    credit(chart.merchantPayable(currency), amount + bonus, orderId),
  ]);
}

/** A deposit is forfeited, because its balance was not paid in time. */
export function depositForfeited(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('deposit_forfeited', f, [
    debit(chart.customerDeposits(currency), amount, orderId),
    credit(chart.forfeitRevenue(currency), amount, orderId),
  ]);
}

/** A cancellation costs a penalty (违约金), kept out of what is refunded. */
export function penalty(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('penalty', f, [
    debit(chart.merchantPayable(currency), amount, orderId),
    credit(chart.forfeitRevenue(currency), amount, orderId),
  ]);
}

/** What was to be refunded less a penalty is not refunded after all, so nothing is kept. The reference is that of `penalty`. */
export function penaltyWithdrawn(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('penalty_withdrawn', f, [
    debit(chart.forfeitRevenue(currency), amount, orderId),
    credit(chart.merchantPayable(currency), amount, orderId),
  ]);
}

/** The platform's share of a sale. */
export function commission(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('commission', f, [
    debit(chart.merchantPayable(currency), amount, orderId),
    credit(chart.commissionRevenue(currency), amount, orderId),
  ]);
}

/** The share of what was refunded goes back to the merchant. */
export function commissionReturned(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('commission_returned', f, [
    debit(chart.commissionRevenue(currency), amount, orderId),
    credit(chart.merchantPayable(currency), amount, orderId),
  ]);
}

export interface RefundAsked extends Fact, OfOrder {
  readonly currency: Currency;
  /** What the buyer is to get: cash and balance together. */
  readonly amount: number;
  /** What marketing had paid of it, which falls back to the platform. */
  readonly subsidy: number;
  /** Where the money lies: earned by the merchant, in suspense (late capture), or as a deposit. */
  readonly from: 'merchant' | 'suspense' | 'deposit';
}

/** A refund is owed. */
export function refundAsked(f: RefundAsked): Posting {
  return fact('refund_asked', f, refundSides(f, 1));
}

/** A refund that was owed is not, after all (rejected, closed with a reason). The reference is that of `refundAsked`. */
export function refundWithdrawn(f: RefundAsked): Posting {
  return fact('refund_withdrawn', f, refundSides(f, -1));
}

function refundSides(f: RefundAsked, sign: 1 | -1): Side[] {
  const { currency, amount, orderId } = f;
  return [
    debit(refundSource(f.from, currency), sign * (amount + f.subsidy), orderId),
    credit(chart.refundPayable(currency), sign * amount, orderId),
    credit(chart.subsidy(currency), sign * f.subsidy, orderId),
  ];
}

function refundSource(from: RefundAsked['from'], currency: Currency): chart.AccountRef {
  switch (from) {
    case 'merchant':
      return chart.merchantPayable(currency);
    case 'suspense':
      return chart.suspense(currency);
    case 'deposit':
      return chart.customerDeposits(currency);
  }
}

export interface RefundDone extends Fact, OfOrder {
  readonly currency: Currency;
  readonly channel: string;
  /** What the channel gave back. */
  readonly cash: number;
  /** What went back to the user's balance. */
  readonly wallet?: WalletPart;
}

/** A refund reached the buyer. `cash` and `wallet` together are what `refundAsked` owed. */
export function refundDone(f: RefundDone): Posting {
  const { currency, cash, orderId } = f;
  return fact('refund_done', f, [
    debit(chart.refundPayable(currency), cash + (f.wallet?.amount ?? 0), orderId),
    credit(chart.clearing(f.channel, currency), cash, orderId),
    ...(f.wallet === undefined ? [] : [credit(chart.wallet(f.wallet.userId, currency), f.wallet.amount, orderId)]),
  ]);
}

/** A refund reached the buyer another way than through its channel, such as by a bank transfer. */
export function refundPaidByBank(f: Fact & Money & OfOrder): Posting {
  const { currency, amount, orderId } = f;
  return fact('refund_done', f, [
    debit(chart.refundPayable(currency), amount, orderId),
    credit(chart.bank(currency), amount, orderId),
  ]);
}

/** A channel settled: what it sent, and what it kept. */
export function settlement(
  f: Fact & { readonly channel: string; readonly currency: Currency; readonly net: number; readonly fee: number },
): Posting {
  return fact('settlement', f, [
    debit(chart.bank(f.currency), f.net),
    debit(chart.channelFee(f.currency), f.fee),
    credit(chart.clearing(f.channel, f.currency), f.net + f.fee),
  ]);
}

type OfPoints = Fact & OfUser & OfOrder & { readonly points: number };

/** Points pay for an order. Refused by `tryPost` where there are too few. */
export function pointsSpent(f: OfPoints): Posting {
  return fact('points_spent', f, takePoints(f));
}

/** Spent points come back, exactly. */
export function pointsReturned(f: OfPoints): Posting {
  return fact('points_returned', f, givePoints(f));
}

/** An order was received (O2→O5): its points are the user's. */
export function pointsEarned(f: OfPoints): Posting {
  return fact('points_earned', f, givePoints(f));
}

/** Earned points go back with what earned them; as far as they are still there (`tryPost` refuses the rest). */
export function pointsClawedBack(f: OfPoints): Posting {
  return fact('points_clawed_back', f, takePoints(f));
}

export function pointsExpired(f: OfPoints): Posting {
  return fact('points_expired', f, takePoints(f));
}

function takePoints({ userId, points, orderId }: OfPoints): Side[] {
  return [debit(chart.points(userId), points, orderId), credit(chart.pointsIssued(), points, orderId)];
}

function givePoints({ userId, points, orderId }: OfPoints): Side[] {
  return [debit(chart.pointsIssued(), points, orderId), credit(chart.points(userId), points, orderId)];
}

/** A mistake is made good by a further posting, for a finding, with a reason. The sides are what the two people agreed on. */
export function correction(f: Fact & { readonly findingId: string; readonly sides: readonly Side[] }): Posting {
  return fact('correction', { ...f, reason: `${f.reason} (finding ${f.findingId})` }, f.sides);
}

function fact(kind: PostingKind, { reference, payOrderId, reason }: Fact, sides: readonly Side[]): Posting {
  for (const { account, amount } of sides) {
    if (!Number.isSafeInteger(amount)) throw new Error(`broken invariant: ${amount} is no amount for ${account.id}`);
  }
  return { kind, reference, payOrderId, reason, sides };
}
