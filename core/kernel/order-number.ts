import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { Database } from './db/database.ts';

/**
 * Order numbers: 19 digits = epoch second (10) + machine (3) + userId % 1000 (3) + sequence (3). The sequence runs per
 * (second, suffix), so one machine makes a million numbers a second. The machine number is leased in Postgres with the
 * highest second it may use persisted ahead, so a number never repeats: not after a crash, not after the clock steps
 * back, not when another process takes the machine number over.
 *
 * Source: the seed's 订单ID 生成策略, with its single sequence split by suffix.
 */
const MACHINES = 1000;
const LEASE_SECONDS = 60;
/** How far ahead of the clock the persisted second runs, so that it is written once in a while and not per number. */
const AHEAD_SECONDS = 10;
/** How often a replica that lost the race for a machine number races again. */
const TAKE_TRIES = 100;

export class ClockSteppedBack extends Error {
  constructor(seconds: number) {
    super(
      `the clock is ${seconds} s behind the order numbers already given out; set it right or wait until it has caught up`,
    );
    this.name = 'ClockSteppedBack';
  }
}

/** More processes are alive than there are machine numbers. */
export class NoMachineNumber extends Error {
  constructor() {
    super(
      `all ${MACHINES} machine numbers are leased, so no order number can be made here; stop some of the processes that hold them, or wait a minute for those of dead ones`,
    );
    this.name = 'NoMachineNumber';
  }
}

export class OrderNumbers {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #holder: string;
  #machine: number | null = null;
  /** Numbers may use seconds up to here; persisted before they are used. */
  #highSecond = 0;
  #second = 0;
  #sequences = new Map<number, number>();
  #leaseSecond = 0;
  #extending: Promise<void> | null = null;

  constructor(db: Database, clock: Clock, holder: string) {
    this.#db = db;
    this.#clock = clock;
    this.#holder = holder;
  }

  /** The next number for this user. Waits for the next second when the suffix is used up; throws `ClockSteppedBack`. */
  async next(userId: number, signal: AbortSignal): Promise<string> {
    const suffix = userId % 1000;
    for (;;) {
      signal.throwIfAborted();
      const second = this.#nowSecond();
      if (this.#machine === null || second > this.#highSecond || second >= this.#leaseSecond) {
        await this.#extend(second);
        continue;
      }
      if (second < this.#second) throw new ClockSteppedBack(this.#second - second);
      if (second > this.#second) {
        this.#second = second;
        this.#sequences.clear();
      }
      const sequence = this.#sequences.get(suffix) ?? 0;
      if (sequence > 999) {
        await sleep(20, signal);
        continue;
      }
      this.#sequences.set(suffix, sequence + 1);
      return `${second}${pad3(this.#machine)}${pad3(suffix)}${pad3(sequence)}`;
    }
  }

  #nowSecond(): number {
    return Math.floor(this.#clock.now().getTime() / 1000);
  }

  #extend(second: number): Promise<void> {
    this.#extending ??= this.#lease(second).finally(() => {
      this.#extending = null;
    });
    return this.#extending;
  }

  /** Renews the lease, or takes the lowest free machine number whose persisted second lies behind the clock. */
  async #lease(second: number): Promise<void> {
    const high = second + AHEAD_SECONDS;
    const renewed = this.#machine === null ? [] : await this.#renew(this.#machine, high);
    const row = renewed[0] ?? (await this.#take(second, high));
    const fresh = row.number !== this.#machine;
    this.#machine = row.number;
    this.#highSecond = high;
    this.#leaseSecond = second + LEASE_SECONDS / 2;
    if (fresh) this.#sequences.clear();
  }

  #renew(machine: number, high: number): Promise<{ number: number }[]> {
    return this.#db.query<{ number: number }>({
      name: 'machine_number_renew',
      text: `UPDATE core.machine_number
        SET lease_until = clock_timestamp() + interval '${LEASE_SECONDS} seconds', high_second = greatest(high_second, $3)
        WHERE number = $1 AND holder = $2 RETURNING number`,
      values: [machine, this.#holder, high],
    });
  }

  async #take(second: number, high: number): Promise<{ number: number }> {
    for (let tries = 0; tries < TAKE_TRIES; tries += 1) {
      const [row] = await this.#takeOnce(second, high);
      if (row !== undefined) return row;
      await this.#demandOneFree(second);
    }
    throw new NoMachineNumber();
  }

  #takeOnce(second: number, high: number): Promise<{ number: number }[]> {
    return this.#db.query<{ number: number }>({
      text: `INSERT INTO core.machine_number AS m (number, holder, lease_until, high_second)
        SELECT n, $1, clock_timestamp() + interval '${LEASE_SECONDS} seconds', $3
        FROM generate_series(0, ${MACHINES - 1}) n
        LEFT JOIN core.machine_number taken ON taken.number = n
        WHERE taken.number IS NULL OR (taken.lease_until < clock_timestamp() AND taken.high_second < $2)
        ORDER BY n LIMIT 1
        ON CONFLICT (number) DO UPDATE
          SET holder = excluded.holder, lease_until = excluded.lease_until, high_second = excluded.high_second
          WHERE m.lease_until < clock_timestamp() AND m.high_second < $2
        RETURNING number`,
      values: [this.#holder, second, high],
    });
  }

  /**
   * Nothing was taken: another replica was faster, and there is another number to ask for; or all are held; or every
   * number that is not held has been used in a second that is still to come.
   */
  async #demandOneFree(second: number): Promise<void> {
    const [counted] = await this.#db.query<{ least: number | null; unused: number }>({
      text: `SELECT min(high_second) FILTER (WHERE lease_until < clock_timestamp()) AS least,
          ${MACHINES} - count(*) AS unused FROM core.machine_number`,
    });
    if (counted === undefined || counted.unused > 0) return;
    if (counted.least === null) throw new NoMachineNumber();
    if (counted.least >= second) throw new ClockSteppedBack(counted.least - second + 1);
  }
}

function pad3(value: number): string {
  return String(value).padStart(3, '0');
}
