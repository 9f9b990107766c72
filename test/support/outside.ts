import type {
  FulfilmentPort,
  InitParcel,
  InitReturn,
  ParcelView,
  ReturnView,
} from '../../core/fulfilment/fulfilment.port.ts';
import type { HotelPort, LockRoom, RoomView } from '../../core/hotel/hotel.port.ts';
import type { Answer } from '../../core/kernel/answer.ts';
import type { Deduct, DeductionKey, DeductionView, MarketingPort } from '../../core/marketing/marketing.port.ts';
import type { InitRefund, InitTrade, PaymentChannel, RefundView, TradeView } from '../../core/payments/channel.port.ts';

/**
 * An outside world in memory that keeps the truth and counts what was asked. Effects are counted apart from calls: an
 * idempotent service may be asked twice and must do it once. Replies can be lost after the work is done.
 */
class Faults {
  /** The next so many replies are lost after the work was done. */
  loseReplies = 0;
  /** Every call answers `unknown` and does nothing. */
  down = false;
  /** Called before each answer: a test may hold a call here. */
  beforeAnswer: (call: string, key: string) => Promise<void> = () => Promise.resolve();
  /** How a request travels: a simulation may lose it, hold it up, or end the caller here. Does the work by default. */
  travel: Travel = (_call, _key, work) => work();
  readonly calls = new Map<string, number>();
  readonly effects = new Map<string, number>();
  /** How many calls about one key were under way at once, at the most. */
  mostAtOnce = 0;
  readonly #atOnce = new Map<string, number>();

  async answer<T>(call: string, key: string, work: () => Answer<T>): Promise<Answer<T>> {
    bump(this.calls, `${call} ${key}`);
    const inside = (this.#atOnce.get(key) ?? 0) + 1;
    this.#atOnce.set(key, inside);
    this.mostAtOnce = Math.max(this.mostAtOnce, inside);
    try {
      if (this.down) return { kind: 'unknown', reason: 'it is down' };
      const answer = this.travel(call, key, work);
      await this.beforeAnswer(call, key);
      if (this.loseReplies > 0) {
        this.loseReplies -= 1;
        return { kind: 'unknown', reason: 'the reply was lost' };
      }
      return answer;
    } finally {
      this.#atOnce.set(key, (this.#atOnce.get(key) ?? 1) - 1);
    }
  }

  effect(what: string): void {
    bump(this.effects, what);
  }

  /** The most often that any one effect was worked. */
  get mostEffects(): number {
    return Math.max(0, ...this.effects.values());
  }
}

export type Travel = <T>(call: string, key: string, work: () => Answer<T>) => Answer<T>;

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function ok<T>(value: T): Answer<T> {
  return { kind: 'ok', value };
}

function isRefused(state: TradeView['state']): boolean {
  return state === 'closed' || state === 'refused';
}

export class FakeChannel extends Faults implements PaymentChannel {
  readonly id = 'sandbox';
  readonly merchantId = 'tidegate';
  readonly trades = new Map<string, TradeView>();
  readonly refunds = new Map<string, RefundView>();
  /** What becomes of a trade that is asked for. */
  onInit: TradeView['state'] = 'open';
  onRefund: RefundView['state'] = 'done';

  init(trade: InitTrade): Promise<Answer<TradeView>> {
    return this.answer('init', trade.tradeNo, () => {
      const known = this.trades.get(trade.tradeNo);
      if (known !== undefined)
        return isRefused(known.state) ? { kind: 'refused', reason: `${known.state} before` } : ok(known);
      if (this.onInit === 'refused') {
        this.trades.set(trade.tradeNo, { tradeNo: trade.tradeNo, state: 'refused' });
        return { kind: 'refused', reason: 'no' };
      }
      this.effect(`trade ${trade.tradeNo}`);
      const view: TradeView = { tradeNo: trade.tradeNo, state: 'open', amount: trade.amount, currency: trade.currency };
      this.trades.set(trade.tradeNo, view);
      return ok(this.onInit === 'paid' ? this.pay(trade.tradeNo) : view);
    });
  }

  query(tradeNo: string): Promise<Answer<TradeView>> {
    return this.answer('query', tradeNo, () => ok(this.trades.get(tradeNo) ?? { tradeNo, state: 'none' }));
  }

  close(tradeNo: string): Promise<Answer<TradeView>> {
    return this.answer('close', tradeNo, () => {
      const known = this.trades.get(tradeNo);
      if (known?.state === 'paid') return ok(known);
      const view: TradeView = { tradeNo, state: 'closed' };
      if (known?.state !== 'closed') this.effect(`close ${tradeNo}`);
      this.trades.set(tradeNo, view);
      return ok(view);
    });
  }

  refund(refund: InitRefund): Promise<Answer<RefundView>> {
    return this.answer('refund', refund.refundNo, () => {
      const known = this.refunds.get(refund.refundNo);
      if (known !== undefined) return ok(known);
      this.effect(`refund ${refund.refundNo}`);
      const view: RefundView = {
        refundNo: refund.refundNo,
        state: this.onRefund,
        amount: refund.amount,
        channelRefundId: `r-${refund.refundNo}`,
      };
      this.refunds.set(refund.refundNo, view);
      return ok(view);
    });
  }

  queryRefund(refundNo: string): Promise<Answer<RefundView>> {
    return this.answer('queryRefund', refundNo, () => ok(this.refunds.get(refundNo) ?? { refundNo, state: 'none' }));
  }

  /** The shopper pays. */
  pay(tradeNo: string): TradeView {
    const trade = this.trades.get(tradeNo);
    if (trade === undefined) throw new Error(`no trade ${tradeNo}`);
    const paid: TradeView = { ...trade, state: 'paid', transactionId: `tx-${tradeNo}` };
    this.trades.set(tradeNo, paid);
    return paid;
  }
}

export class FakeMarketing extends Faults implements MarketingPort {
  readonly deductions = new Map<string, DeductionView>();
  onDeduct: 'deducted' | 'refused' = 'deducted';

  deduct(request: Deduct): Promise<Answer<DeductionView>> {
    const key = keyOf(request);
    return this.answer('deduct', key, () => {
      const known = this.deductions.get(key);
      if (known !== undefined) return known.state === 'rolled_back' ? { kind: 'refused', reason: 'gone' } : ok(known);
      this.effect(`deduct ${key}`);
      const view: DeductionView = { state: this.onDeduct };
      this.deductions.set(key, view);
      return ok(view);
    });
  }

  query(key: DeductionKey): Promise<Answer<DeductionView>> {
    return this.answer('query', keyOf(key), () => ok(this.deductions.get(keyOf(key)) ?? { state: 'none' }));
  }

  rollback(key: DeductionKey): Promise<Answer<DeductionView>> {
    return this.answer('rollback', keyOf(key), () => {
      if (this.deductions.get(keyOf(key))?.state !== 'rolled_back') this.effect(`rollback ${keyOf(key)}`);
      this.deductions.set(keyOf(key), { state: 'rolled_back' });
      return ok({ state: 'rolled_back' });
    });
  }
}

function keyOf(key: DeductionKey): string {
  return `${key.attemptId}/${key.kind}/${key.resource}`;
}

export class FakeFulfilment extends Faults implements FulfilmentPort {
  readonly parcels = new Map<string, ParcelView>();
  readonly returns = new Map<string, ReturnView>();
  /** What lies in each parcel, and in each return. */
  readonly contents = new Map<string, InitParcel['lines']>();
  /** What becomes of a return that is asked for; `none`: it is refused. */
  onReturn: ReturnView['state'] = 'accepted';
  onInit: ParcelView['state'] = 'accepted';

  init(parcel: InitParcel): Promise<Answer<ParcelView>> {
    return this.answer('init', parcel.shipmentId, () => {
      const known = this.parcels.get(parcel.shipmentId);
      if (known !== undefined) return ok(known);
      this.effect(`parcel ${parcel.shipmentId}`);
      this.contents.set(parcel.shipmentId, parcel.lines);
      return ok(this.set(parcel.shipmentId, this.onInit));
    });
  }

  query(shipmentId: string): Promise<Answer<ParcelView>> {
    return this.answer('query', shipmentId, () => ok(this.parcels.get(shipmentId) ?? { shipmentId, state: 'none' }));
  }

  /** Until somebody packs it; an unknown one is cancelled in advance. */
  cancel(shipmentId: string): Promise<Answer<ParcelView>> {
    return this.answer('cancel', shipmentId, () => {
      const known = this.parcels.get(shipmentId);
      return ok(known === undefined || known.state === 'accepted' ? this.set(shipmentId, 'cancelled') : known);
    });
  }

  returnInit({ returnNo, lines }: InitReturn): Promise<Answer<ReturnView>> {
    return this.answer('returnInit', returnNo, () => {
      const known = this.returns.get(returnNo);
      if (known !== undefined) return ok(known);
      if (this.onReturn === 'none') return { kind: 'refused', reason: 'nobody fetches there' };
      this.effect(`return ${returnNo}`);
      this.contents.set(returnNo, lines);
      return ok(this.setReturn(returnNo, this.onReturn));
    });
  }

  returnQuery(returnNo: string): Promise<Answer<ReturnView>> {
    return this.answer('returnQuery', returnNo, () => ok(this.returns.get(returnNo) ?? { returnNo, state: 'none' }));
  }

  setReturn(returnNo: string, state: ReturnView['state']): ReturnView {
    const view: ReturnView = { returnNo, state };
    this.returns.set(returnNo, view);
    return view;
  }

  set(shipmentId: string, state: ParcelView['state']): ParcelView {
    const view: ParcelView = { shipmentId, state };
    this.parcels.set(shipmentId, view);
    return view;
  }
}

export class FakeHotel extends Faults implements HotelPort {
  readonly rooms = new Map<string, RoomView>();
  onLock: 'locked' | 'refused' = 'locked';
  /** It does not let go, whatever it is told. */
  keeps = false;

  lock(room: LockRoom): Promise<Answer<RoomView>> {
    return this.answer('lock', room.lockId, () => {
      const known = this.rooms.get(room.lockId);
      if (known !== undefined) return known.state === 'released' ? { kind: 'refused', reason: 'gone' } : ok(known);
      this.effect(`lock ${room.lockId}`);
      const view: RoomView = { lockId: room.lockId, state: this.onLock, confirmation: `H-${room.lockId}` };
      this.rooms.set(room.lockId, view);
      return ok(view);
    });
  }

  query(lockId: string): Promise<Answer<RoomView>> {
    return this.answer('query', lockId, () => ok(this.rooms.get(lockId) ?? { lockId, state: 'none' }));
  }

  release(lockId: string): Promise<Answer<RoomView>> {
    return this.answer('release', lockId, () => {
      const known = this.rooms.get(lockId);
      if (known?.state === 'refused' || (known !== undefined && this.keeps)) return ok(known);
      if (known?.state !== 'released') this.effect(`release ${lockId}`);
      const view: RoomView = { lockId, state: 'released' };
      this.rooms.set(lockId, view);
      return ok(view);
    });
  }
}

/** The four services together, as options of `testCore`. */
export function fakeOutside() {
  const channel = new FakeChannel();
  const marketing = new FakeMarketing();
  const fulfilment = new FakeFulfilment();
  const hotel = new FakeHotel();
  return { channel, marketing, fulfilment, hotel, options: { channels: [channel], marketing, fulfilment, hotel } };
}
