import type { Answer } from '../kernel/answer.ts';
import type { Currency } from '../kernel/money.ts';

export type DeductionState = 'none' | 'deducted' | 'refused' | 'rolled_back';

export interface DeductionView {
  readonly state: DeductionState;
  readonly reason?: string;
}

/** `points`: those of a pay order, whose number is the resource; amounts are counted in PTS. */
export type ResourceKind = 'coupon' | 'points';

/** One resource of one payment attempt: the key of every call is (attempt, kind, resource). */
export interface DeductionKey {
  readonly attemptId: string;
  readonly kind: ResourceKind;
  readonly resource: string;
}

export interface Deduct extends DeductionKey {
  readonly userId: number;
  readonly amount: number;
  readonly currency: Currency;
}

/** The outside marketing service. `rollback` of an unknown key leaves a tombstone, so that a late `deduct` is refused. */
export interface MarketingPort {
  deduct(request: Deduct, signal: AbortSignal): Promise<Answer<DeductionView>>;
  query(key: DeductionKey, signal: AbortSignal): Promise<Answer<DeductionView>>;
  rollback(key: DeductionKey, signal: AbortSignal): Promise<Answer<DeductionView>>;
}
