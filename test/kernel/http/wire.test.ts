import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeCursor, encodeCursor, etagOf, refuseFields, versionOf, wire } from '../../../core/kernel/http/wire.ts';

const place = z.tuple([z.string(), z.int()]);

describe('cursors', () => {
  it('come back as they were given, and are safe in an address', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100, unit: 'binary' }), fc.integer(), (text, n) => {
        const cursor = encodeCursor([text, n]);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor(place, cursor)).toEqual({ ok: true, value: [text, n] });
      }),
    );
  });

  it('that are not ours are refused, whatever they are', () => {
    const unfit = [
      '',
      '!',
      '%',
      encodeCursor({ a: 1 }),
      encodeCursor(['a', 'b']),
      encodeCursor(null),
      'x'.repeat(2000),
    ];
    for (const cursor of unfit)
      expect(decodeCursor(place, cursor)).toMatchObject({ ok: false, code: 'invalid_cursor' });
    fc.assert(fc.property(fc.string(), (text) => void decodeCursor(place, text)));
  });
});

it('an ETag and the version in If-Match are each other', () => {
  expect(versionOf(etagOf(7))).toBe(7);
  expect(wire.ifMatchHeaders.safeParse({ 'if-match': etagOf(7) }).success).toBe(true);
  for (const unfit of ['7', '"x"', 'W/"7"', '*', '"7", "8"', `"${'9'.repeat(16)}"`]) {
    expect(wire.ifMatchHeaders.safeParse({ 'if-match': unfit }).success, unfit).toBe(false);
  }
});

it('a refusal lists at most 20 fields', () => {
  const schema = wire.object({});
  const { error } = schema.safeParse(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, 1])));
  expect(error && refuseFields(error, 'body').errors).toHaveLength(20);
});

it('times are RFC 3339 in UTC', () => {
  expect(wire.time.safeParse('2026-11-11T00:00:00.000Z').success).toBe(true);
  expect(wire.time.safeParse('2026-11-11T00:00:00+08:00').success).toBe(false);
});
