import type { Answer } from '../kernel/answer.ts';
import type { Currency } from '../kernel/money.ts';

/** What a channel knows of a trade. `none`: no record (which is unknown, not no). */
export type TradeState = 'none' | 'open' | 'paid' | 'failed' | 'cancelled' | 'closed' | 'refused';

export interface TradeView {
  readonly tradeNo: string;
  readonly state: TradeState;
  /** Set when paid: the channel's own unique transaction and what it took. */
  readonly transactionId?: string;
  readonly amount?: number;
  readonly currency?: string;
  readonly reason?: string;
  readonly channelTradeId?: string;
  readonly payUrl?: string;
}

export interface InitTrade {
  /** The attempt's id: the idempotency key at the channel. */
  readonly tradeNo: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly userId: number;
  readonly description: string;
}

export interface RefundView {
  readonly refundNo: string;
  readonly state: 'none' | 'processing' | 'done' | 'failed';
  readonly channelRefundId?: string;
  readonly amount?: number;
  readonly reason?: string;
}

export interface InitRefund {
  /** Our refund's id: the idempotency key at the channel. */
  readonly refundNo: string;
  readonly tradeNo: string;
  readonly amount: number;
  readonly currency: Currency;
}

/**
 * A payment channel. Every call is idempotent by its number. `close` leaves a tombstone, so that an `init` that is still
 * on its way is refused when it arrives; its answer is the trade as it stands then: `closed`, or `paid` when it was late.
 */
export interface PaymentChannel {
  readonly id: string;
  /** Who we are at the channel; a callback that names another merchant moves nothing. */
  readonly merchantId: string;
  /** ok: accepted (open) or paid already. refused: the channel will never take this trade. */
  init(trade: InitTrade, signal: AbortSignal): Promise<Answer<TradeView>>;
  query(tradeNo: string, signal: AbortSignal): Promise<Answer<TradeView>>;
  close(tradeNo: string, signal: AbortSignal): Promise<Answer<TradeView>>;
  refund(refund: InitRefund, signal: AbortSignal): Promise<Answer<RefundView>>;
  queryRefund(refundNo: string, signal: AbortSignal): Promise<Answer<RefundView>>;
}
