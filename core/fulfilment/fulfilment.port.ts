import type { Answer } from '../kernel/answer.ts';

export type ParcelState = 'none' | 'accepted' | 'processing' | 'failed' | 'delivered' | 'cancelled';

export interface ParcelView {
  readonly shipmentId: string;
  readonly state: ParcelState;
  readonly carrier?: string;
  readonly trackingNo?: string;
  /** Delivered codes of virtual goods. */
  readonly codes?: readonly string[];
  readonly reason?: string;
}

export interface InitParcel {
  /** The shipment's id: the idempotency key at the fulfilment service. */
  readonly shipmentId: string;
  readonly orderId: string;
  readonly goodsKind: 'physical' | 'virtual';
  readonly address: unknown;
  /** The phone or account that a top-up (充值) goes to: then there are no codes. */
  readonly account?: string;
  readonly lines: readonly { readonly skuId: string; readonly name: string; readonly quantity: number }[];
}

export type ReturnState = 'none' | 'accepted' | 'processing' | 'received' | 'failed';

/** Goods on their way back (退货). */
export interface ReturnView {
  readonly returnNo: string;
  readonly state: ReturnState;
  readonly carrier?: string;
  readonly trackingNo?: string;
  readonly reason?: string;
}

export interface InitReturn {
  /** The refund's id, and the number of the try: the idempotency key at the fulfilment service. */
  readonly returnNo: string;
  readonly orderId: string;
  readonly lines: InitParcel['lines'];
}

/** The outside fulfilment service. `cancel` of an unknown shipment leaves a tombstone, so that a late `init` is refused. */
export interface FulfilmentPort {
  init(parcel: InitParcel, signal: AbortSignal): Promise<Answer<ParcelView>>;
  query(shipmentId: string, signal: AbortSignal): Promise<Answer<ParcelView>>;
  /** ok with state `cancelled`, or the state it is in when cancelling is refused (too late). */
  cancel(shipmentId: string, signal: AbortSignal): Promise<Answer<ParcelView>>;
  /** Asks for goods to be fetched from the shopper and looked at; refused: they will not come. */
  returnInit(parcel: InitReturn, signal: AbortSignal): Promise<Answer<ReturnView>>;
  returnQuery(returnNo: string, signal: AbortSignal): Promise<Answer<ReturnView>>;
}
