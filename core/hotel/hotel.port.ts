import type { Answer } from '../kernel/answer.ts';

export type RoomState = 'none' | 'locked' | 'refused' | 'released';

export interface RoomView {
  readonly lockId: string;
  readonly state: RoomState;
  /** What the hotel knows the stay by, once locked. */
  readonly confirmation?: string;
  readonly reason?: string;
}

export interface LockRoom {
  /** The lock's id: the idempotency key at the hotel. */
  readonly lockId: string;
  readonly orderId: string;
  readonly roomType: string;
  readonly rooms: number;
  /** Days of the calendar where the hotel stands: `2026-11-11`. */
  readonly checkIn: string;
  readonly checkOut: string;
  readonly guest: string;
}

/** The outside hotel. `release` of an unknown lock leaves a tombstone, so that a late `lock` is refused. */
export interface HotelPort {
  lock(room: LockRoom, signal: AbortSignal): Promise<Answer<RoomView>>;
  query(lockId: string, signal: AbortSignal): Promise<Answer<RoomView>>;
  /** ok with `released`, or with `locked` when the hotel does not let go this time. */
  release(lockId: string, signal: AbortSignal): Promise<Answer<RoomView>>;
}
