import { z } from '@hono/zod-openapi';
import { stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { ticketMachine } from './tickets.machine.ts';
import type { Ticket } from './tickets.ts';

export const ticketSchema = wire
  .object({
    ticketId: z.string(),
    userId: z.string(),
    state: stateSchema,
    position: z.int().nullable().openapi({
      description:
        'How many are served until it is this one, itself counted. Those who left the queue ahead still count.',
    }),
    waitSeconds: z.int().nullable(),
    payOrderId: z.string().nullable().openapi({ description: 'What it became: GET /v1/pay-orders/{payOrderId}.' }),
    refusal: wire
      .object({
        code: z.string(),
        detail: z.string(),
        errors: z.array(wire.object({ path: z.string(), message: z.string() })).optional(),
      })
      .nullable()
      .openapi({ description: 'Why it became no order, in the words that POST /v1/orders would have refused with.' }),
    createdAt: wire.time,
    expiresAt: wire.time.openapi({ description: 'It is refused when its turn has not come by then.' }),
  })
  .openapi('Ticket', {
    example: {
      ticketId: 'tkt_01kavw2m3n8q4r5s6t7v8w9x0y',
      userId: '1001',
      state: { code: 'QUEUED', name: 'TICKET_QUEUED' },
      position: 4210,
      waitSeconds: 43,
      payOrderId: null,
      refusal: null,
      createdAt: '2026-11-11T00:00:03.120Z',
      expiresAt: '2026-11-11T00:15:03.120Z',
    },
  });

export function ticketOnWire({ row, position, waitMs }: Ticket): z.infer<typeof ticketSchema> {
  const { refusal } = row;
  return {
    ticketId: row.id,
    userId: String(row.user_id),
    state: stateOnWire(ticketMachine, row.state),
    position,
    waitSeconds: waitMs === null ? null : Math.ceil(waitMs / 1000),
    payOrderId: row.pay_order_id,
    refusal:
      refusal === null
        ? null
        : {
            code: refusal.code,
            detail: refusal.detail,
            ...(refusal.errors === undefined ? {} : { errors: refusal.errors.map((error) => ({ ...error })) }),
          },
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  };
}
