import { shipmentMachine } from '../core/fulfilment/fulfilment.machine.ts';
import { roomLockMachine } from '../core/hotel/hotel.machine.ts';
import type { Machine } from '../core/kernel/machine.ts';
import { orderMachine } from '../core/orders/orders.machine.ts';
import { ticketMachine } from '../core/orders/tickets.machine.ts';
import {
  callbackMachine,
  captureMachine,
  deductionMachine,
  LIVE_PAYMENT_STATES,
  paymentMachine,
} from '../core/payments/payments.machine.ts';
import { refundMachine } from '../core/refunds/refunds.machine.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The live states of one machine: those whose rows something, or somebody, should still move. */
export interface LiveMachine {
  readonly machine: Machine;
  readonly states: readonly string[];
  /**
   * The partial index that makes counting them cost what is alive and not what ever was. `state`: an index over (state,
   * state_since) whose predicate is this very list. `due`: no such index, so the rows that a repair has still to look at,
   * and those that wait for a person, are found by their two.
   */
  readonly by: 'state' | 'due';
  /** Belongs to the order's way that screens draw, not only to what may be stuck. */
  readonly funnel: boolean;
  /** How long a row may sit in a state, in seconds of business time; a state without a limit waits as long as it likes. */
  readonly limits: Readonly<Record<string, number>>;
  /** SQL of the moment from which a row's patience is counted, where that is later than its state: what it waits for is agreed. */
  readonly since?: string;
  /** SQL for a row's money at stake, and for its currency; `r` is the row. */
  readonly amount: string;
  readonly currency: string;
}

/**
 * The patience of every state that something should move. A state in which we asked the outside and have no answer gets
 * a minute; one in which the other side, a shopper or a carrier is at work gets the time that they may take.
 * Rows that were handed to a person have no patience left, whatever their state.
 */
export const LIVE: readonly LiveMachine[] = [
  {
    machine: orderMachine,
    states: ['O0', 'O1'],
    by: 'state',
    funnel: true,
    // O0 ends at its deadline (15 min); O1 follows its shipment. A balance (尾款) has a day of its own, and so has a stay.
    limits: { O0: 20 * MINUTE, O1: 8 * DAY },
    since: `CASE WHEN r.state = 'O0' THEN greatest(r.state_since, r.expires_at - interval '15 minutes')
      WHEN r.type = 'hotel' THEN greatest(r.state_since,
        (SELECT k.check_out::timestamptz FROM core.room_lock k WHERE k.order_id = r.id))
      ELSE r.state_since END`,
    amount: 'r.payable',
    currency: 'r.currency',
  },
  {
    machine: ticketMachine,
    states: ['QUEUED'],
    by: 'state',
    funnel: false,
    // It ends by itself after 15 minutes.
    limits: { QUEUED: 20 * MINUTE },
    // Nothing was priced for good, and nothing paid.
    amount: '0::bigint',
    currency: `'XXX'`,
  },
  {
    machine: paymentMachine,
    states: LIVE_PAYMENT_STATES,
    by: 'state',
    funnel: true,
    // P7 ends at the attempt's own time (15 min); the rest is for closing the trade at the channel.
    limits: { P0: MINUTE, P1: MINUTE, P2: MINUTE, P4: MINUTE, P5: MINUTE, P7: 20 * MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: shipmentMachine,
    states: ['F0', 'F1', 'F2'],
    by: 'state',
    funnel: true,
    // A parcel travels for days.
    limits: { F0: MINUTE, F1: MINUTE, F2: 7 * DAY },
    amount: '(SELECT o.payable + o.discount_amount FROM core.orders o WHERE o.id = r.order_id)',
    currency: '(SELECT o.currency FROM core.orders o WHERE o.id = r.order_id)',
  },
  {
    machine: refundMachine,
    states: ['R0', 'R1', 'R2', 'R4', 'R5', 'R6', 'R7', 'R8', 'R9', 'R11', 'R12', 'R13', 'R14', 'R15'],
    by: 'state',
    funnel: true,
    // R0, R1: somebody decides within a day. R2 waits for a parcel that cannot be cancelled any more. R9: a channel may
    // take a working day to pay back. R15 was handed to a person: at once.
    limits: {
      R0: MINUTE,
      R1: DAY,
      R2: 8 * DAY,
      R4: HOUR,
      R5: 7 * DAY,
      R6: MINUTE,
      R7: MINUTE,
      R8: MINUTE,
      R9: DAY,
      R11: MINUTE,
      R12: MINUTE,
      R13: MINUTE,
      R14: MINUTE,
      R15: 0,
    },
    amount: 'r.amount + r.subsidy',
    currency: 'r.currency',
  },
  {
    machine: roomLockMachine,
    states: ['ASKED', 'LOCKED', 'CONFIRMED', 'RELEASING'],
    by: 'due',
    funnel: false,
    // LOCKED ends with its order (15 min); CONFIRMED with the stay, which may be a year ahead.
    limits: { ASKED: MINUTE, LOCKED: 25 * MINUTE, CONFIRMED: 400 * DAY, RELEASING: 2 * MINUTE },
    amount: '(SELECT o.payable + o.discount_amount FROM core.orders o WHERE o.id = r.order_id)',
    currency: '(SELECT o.currency FROM core.orders o WHERE o.id = r.order_id)',
  },
  {
    machine: deductionMachine,
    states: ['ROLLBACK_PENDING'],
    by: 'due',
    funnel: false,
    limits: { ROLLBACK_PENDING: 2 * MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: captureMachine,
    states: ['LATE'],
    by: 'due',
    funnel: false,
    limits: { LATE: MINUTE },
    amount: 'r.amount',
    currency: 'r.currency',
  },
  {
    machine: callbackMachine,
    states: ['STORED'],
    by: 'due',
    funnel: false,
    limits: { STORED: MINUTE },
    amount: '0::bigint',
    currency: `'XXX'`,
  },
];

/** A FROM item of the live rows of a machine with the limit of their state: `r` and `l.seconds` (null without one). */
export function liveRows({ machine, states, by, limits }: LiveMachine): string {
  const pairs = states.map((state) => `('${state}', ${limits[state] ?? 'NULL'}::bigint)`);
  // Spelled as the predicate of the partial index, so that the planner recognises it.
  const alive =
    by === 'due'
      ? '(r.due_at IS NOT NULL OR r.person_reason IS NOT NULL)'
      : `r.state IN (${states.map((state) => `'${state}'`).join(',')})`;
  return `${machine.table} r JOIN (VALUES ${pairs.join(', ')}) AS l (state, seconds) ON l.state = r.state AND ${alive}`;
}
