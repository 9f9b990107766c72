import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32, lower case: no i, l, o, u

/**
 * A new id such as `pay_01jd…`: 10 characters of milliseconds, then 80 random bits. Ids made later sort later, so that
 * new rows land at the right edge of an index; they are not a commit order and nothing may read them as one.
 *
 * Source: the ULID specification (time 48 bits, randomness 80 bits).
 */
export function newId(prefix: string, clock: Clock, random: Random): string {
  let time = clock.now().getTime();
  let head = '';
  for (let i = 0; i < 10; i += 1) {
    head = ALPHABET[time % 32] + head;
    time = Math.floor(time / 32);
  }
  let tail = '';
  for (const byte of random.bytes(16)) tail += ALPHABET[byte & 31];
  return `${prefix}_${head}${tail}`;
}
