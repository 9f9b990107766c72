/** A row of `core.event` as consumers see it: CloudEvents type, what moved, and where it lies in commit order. */
export interface BusEvent {
  readonly id: number;
  readonly xid: string;
  readonly type: string;
  readonly machine: string;
  readonly entityId: string;
  /** The pay order whose timeline it belongs to. */
  readonly scope: string | null;
  readonly fromState: string | null;
  readonly toState: string;
  readonly actor: string;
  readonly reason: string;
  readonly at: Date;
}
