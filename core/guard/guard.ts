/**
 * The guard: "may I?", answered in memory from the last good rule set, with or without the control plane.
 */
export interface GuardContext {
  readonly user?: string;
  readonly sku?: string;
  readonly channel?: string;
}

export interface GuardRefusal {
  readonly allowed: false;
  readonly code: 'switched_off' | 'rate_limited' | 'overloaded';
  /** The rule that refused, such as `entry.order.create`. */
  readonly rule: string;
  readonly retryAfterMs: number;
}

export interface GuardPass {
  readonly allowed: true;
  /** Must be called once when the entry is left. */
  release(): void;
}

export interface Guard {
  /** Enters a traffic entrance (`order.create`). Synchronous, never throws, never waits. */
  enter(entry: string, context?: GuardContext): GuardPass | GuardRefusal;
  /** Whether a behaviour is on; an unknown key answers its declared default. */
  isOn(key: string, context?: GuardContext): boolean;
}
