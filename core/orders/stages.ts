import { type Refusal, refuse } from '../kernel/errors.ts';

/** An order that is paid in two parts (两阶段支付). Amounts in minor units of its currency. */
export interface Stages {
  readonly deposit: number;
  /** What the deposit is worth beyond what it cost: a subsidy, booked when the balance is paid. */
  readonly bonus: number;
  readonly balance: number;
  /** When the balance may be paid. */
  readonly opensAt: Date;
  readonly expiresAt: Date;
}

/** The same, with the number of the balance's pay order. */
export interface StagesOfOrder extends Stages {
  readonly balanceId: string;
}

/** The deposit is its own discount: coupons and points do not go with it. */
export function refuseReduced(): Refusal {
  return refuse(
    'coupon_unusable',
    'A presale takes no coupon and no points: what its deposit is worth is its discount.',
  );
}
