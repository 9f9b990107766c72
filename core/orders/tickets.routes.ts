import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { cancelTicket, readTicket, type Ticket } from './tickets.ts';
import { ticketOnWire, ticketSchema } from './tickets.wire.ts';

const tags = ['orders'];
const params = wire.object({
  ticketId: z.string().regex(/^tkt_[0-9a-z]{26}$/, 'must be a ticket as POST /v1/orders answered it'),
});

const read = route({
  method: 'get',
  path: '/v1/tickets/{ticketId}',
  access: ['shop', 'viewer'],
  summary: 'Where a stored-up order stands in the queue, and what became of it',
  description: 'Cheap to ask, but once a second is enough: `waitSeconds` says when its turn is likely to come.',
  tags,
  request: { params },
  responses: { 200: json(ticketSchema, 'The ticket') },
});

const cancel = route({
  method: 'delete',
  path: '/v1/tickets/{ticketId}',
  access: ['shop'],
  summary: 'Leave the queue',
  description: 'A ticket that became an order is not cancelled here, but by POST /v1/orders/{orderId}/cancel.',
  tags,
  request: { params },
  responses: { 200: json(ticketSchema, 'The ticket, cancelled') },
});

/** Tickets of orders that are stored up. */
export function ticketRoutes(ctx: CoreContext) {
  return createRouter()
    .openapi(read, async (c) => reply(c, onWire(await readTicket(ctx, c.req.valid('param').ticketId))))
    .openapi(cancel, async (c) => {
      const { ticketId } = c.req.valid('param');
      return reply(c, onWire(await cancelTicket(ctx, c.get('principal').name, ticketId)));
    });
}

function onWire(result: Result<Ticket>): Result<z.infer<typeof ticketSchema>> {
  return result.ok ? ok(ticketOnWire(result.value)) : result;
}
