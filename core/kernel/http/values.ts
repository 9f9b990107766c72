import { z } from '@hono/zod-openapi';
import type { Machine } from '../machine.ts';
import { stateSpec } from '../machine.ts';
import { CURRENCIES, MAX_AMOUNT } from '../money.ts';
import { wire } from './wire.ts';

/** The largest id that a caller gives us (users) or that we count up (SKUs): exact as a JSON number and as a bigint. */
const MAX_NUMERIC_ID = 1_000_000_000_000_000;

/** An id that is a number inside and a string on the wire; input may also be the JSON number that the source writes. */
export const numericId = z
  .union(
    [
      z.int().min(1).max(MAX_NUMERIC_ID),
      z
        .string()
        .regex(/^[1-9]\d{0,15}$/, 'must be a positive integer')
        .transform(Number)
        .pipe(z.int().max(MAX_NUMERIC_ID)),
    ],
    { error: `must be a whole number from 1 to ${MAX_NUMERIC_ID}, as a number or its digits as text` },
  )
  .openapi({ type: 'string', example: '100001' });

/** An order number: 19 digits, which no JSON number can hold. */
export const orderNumber = z.string().regex(/^\d{19}$/, 'must be an order number of 19 digits');

/** `{ "amount": 7900, "currency": "CNY" }`: an integer of minor units, never negative. */
export const moneySchema = wire
  .object({ amount: z.int().min(0).max(MAX_AMOUNT), currency: z.enum(CURRENCIES) })
  .openapi('Money');

/** Money that is more than nothing. */
export const positiveMoney = wire.object({ amount: z.int().min(1).max(MAX_AMOUNT), currency: z.enum(CURRENCIES) });

/** A state as the wire shows it. */
export const stateSchema = wire.object({ code: z.string(), name: z.string() }).openapi('State');

export function stateOnWire(machine: Machine, state: string): z.infer<typeof stateSchema> {
  return { code: state, name: stateSpec(machine, state).name };
}

/** Text for people: 1 to `max` characters, no control characters, not blank. */
export function label(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, 'must not hold control characters')
    .refine((text) => text.isWellFormed() && text.trim() !== '', 'must not be blank or hold half a surrogate pair');
}
