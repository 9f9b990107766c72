import type { CallbackKind } from '../../../core/callbacks/messages.ts';

/** A callback on its way to us. */
export interface Letter {
  readonly id: string;
  readonly kind: CallbackKind;
  readonly body: Readonly<Record<string, unknown>>;
  /** Nobody would ask for what it says, so its sender repeats it until it is taken: it is never lost. */
  readonly certain: boolean;
}

/** A checkout that the shop was answered: what the shopper may count on. */
export interface Checkout {
  readonly payOrderId: string;
  readonly orderIds: readonly string[];
  readonly userId: number;
  readonly payable: number;
  /** The request again, as a client that heard nothing would send it. */
  readonly again: () => Promise<string>;
}
