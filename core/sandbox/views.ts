import type { AppContext } from '../kernel/http/context.ts';
import type { RefundRow } from './refunds.ts';
import type { ReturnRow } from './returns.ts';
import type { ShipmentRow } from './shipments.ts';
import type { TradeRow } from './trades.ts';
import type { RefundAnswer, ReturnAnswer, ShipmentAnswer, TradeAnswer } from './wire.ts';

/* What the services say of their rows: the same words at every door. */

export function tradeView(row: TradeRow, c: AppContext): TradeAnswer {
  return {
    tradeNo: row.trade_no,
    state: row.state,
    channelTradeId: row.channel_trade_id,
    ...(row.state === 'open'
      ? { payUrl: `${originOf(c.req.url)}/sandbox/pay/${encodeURIComponent(row.trade_no)}` }
      : {}),
    ...(row.state === 'paid' && row.transaction_id !== null && row.amount !== null && row.currency !== null
      ? { transactionId: row.transaction_id, amount: row.amount, currency: row.currency }
      : {}),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** The address that the caller reached us by is the one that works for the shopper too. */
function originOf(url: string): string {
  return url.slice(0, url.indexOf('/', url.indexOf('//') + 2));
}

export function refundView(row: RefundRow): RefundAnswer {
  return {
    refundNo: row.refund_no,
    tradeNo: row.trade_no,
    state: row.state,
    channelRefundId: row.channel_refund_id,
    amount: row.amount,
    currency: row.currency,
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

export function shipmentView(row: ShipmentRow): ShipmentAnswer {
  return {
    shipmentId: row.shipment_id,
    state: row.state,
    ...(row.carrier === null ? {} : { carrier: row.carrier }),
    ...(row.tracking_no === null ? {} : { trackingNo: row.tracking_no }),
    ...(row.codes === null ? {} : { codes: [...row.codes] }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

export function returnView(row: ReturnRow): ReturnAnswer {
  return {
    returnNo: row.return_no,
    state: row.state,
    ...(row.carrier === null ? {} : { carrier: row.carrier }),
    ...(row.tracking_no === null ? {} : { trackingNo: row.tracking_no }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

export function ambiguous(tradeNo: string): string {
  return `Two channels have a trade ${tradeNo}; say which with ?channel=.`;
}
