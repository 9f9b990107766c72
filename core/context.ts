import type { FulfilmentPort } from './fulfilment/fulfilment.port.ts';
import type { Guard } from './guard/guard.ts';
import type { HotelPort } from './hotel/hotel.port.ts';
import type { Background } from './kernel/background.ts';
import type { Clock } from './kernel/clock.ts';
import type { Database } from './kernel/db/database.ts';
import type { Logger } from './kernel/log.ts';
import type { Mover } from './kernel/mover.ts';
import type { OrderNumbers } from './kernel/order-number.ts';
import type { Random } from './kernel/random.ts';
import type { MarketingPort } from './marketing/marketing.port.ts';
import type { PaymentChannel } from './payments/channel.port.ts';
import type { HotStock } from './stock/hot.port.ts';

/** Everything a command or driver of the core works with. Built once per process by `app.ts`; tests build their own. */
export interface CoreContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly mover: Mover;
  readonly background: Background;
  readonly orderNumbers: OrderNumbers;
  readonly channels: ReadonlyMap<string, PaymentChannel>;
  readonly marketing: MarketingPort;
  readonly fulfilment: FulfilmentPort;
  readonly hotel: HotelPort;
  readonly guard: Guard;
  readonly hotStock: HotStock;
  /** Business durations in milliseconds. */
  readonly terms: Terms;
}

export interface Terms {
  /** An unpaid order's life (15 min). */
  readonly payWithinMs: number;
  /** A reservation's life (30 min), renewed by a live payment attempt. */
  readonly reserveForMs: number;
  /** One payment attempt's life at the channel. */
  readonly attemptForMs: number;
  /** Orders that are stored up (订单蓄洪). */
  readonly flood: FloodTerms;
}

export interface FloodTerms {
  /** The rate at which all replicas together place them: what the database and what is behind it can take. */
  readonly perSecond: number;
  /** How many may wait. */
  readonly capacity: number;
  /** How long one waits at the most. */
  readonly waitMs: number;
}

export const DEFAULT_TERMS: Terms = {
  payWithinMs: 15 * 60_000,
  reserveForMs: 30 * 60_000,
  attemptForMs: 15 * 60_000,
  flood: { perSecond: 100, capacity: 20_000, waitMs: 15 * 60_000 },
};
