import { randomFillSync } from 'node:crypto';

/** A source of randomness. Code above the kernel gets one handed in, so that a seeded run can be replayed. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, maxExclusive). */
  int(maxExclusive: number): number;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

const POOL_BYTES = 8192;

/** Cryptographic randomness, drawn in pools because ids are made on the hot path. */
class SystemRandom implements Random {
  readonly #pool = new Uint8Array(POOL_BYTES);
  readonly #view = new DataView(this.#pool.buffer);
  #used = POOL_BYTES;

  #take(length: number): number {
    if (this.#used + length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return start;
  }

  next(): number {
    const at = this.#take(8);
    // 53 bits: 21 of the one word and 32 of the other.
    return ((this.#view.getUint32(at) >>> 11) * 2 ** 32 + this.#view.getUint32(at + 4)) / 2 ** 53;
  }

  int(maxExclusive: number): number {
    return Math.floor(this.next() * maxExclusive);
  }

  bytes(length: number): Uint8Array {
    if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length));
    const start = this.#take(length);
    return this.#pool.slice(start, start + length);
  }
}

export const systemRandom: Random = new SystemRandom();

/** Repeatable randomness for simulations: mulberry32, which passes the tests that matter at this size. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    next: () => next32() / 2 ** 32,
    int: (maxExclusive) => Math.floor((next32() / 2 ** 32) * maxExclusive),
    bytes: (length) => Uint8Array.from({ length }, () => next32() & 0xff),
  };
}
