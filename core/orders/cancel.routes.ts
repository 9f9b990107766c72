import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { signalOf } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { orderNumber, stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { stateSpec } from '../kernel/machine.ts';
import { type Cancelled, cancelOrder } from './cancel.ts';
import { confirmOrder } from './confirm.ts';
import { orderMachine } from './orders.machine.ts';

const cancelled = z.object({
  orderId: z.string(),
  state: z.object({ code: z.string(), name: z.string() }),
  cancelling: z
    .boolean()
    .openapi({ description: 'The intent is recorded, and the payment is being closed at the channel.' }),
});

const cancel = route({
  method: 'post',
  path: '/v1/orders/{orderId}/cancel',
  access: ['shop'],
  summary: 'Cancel an unpaid order, and with it its whole pay order',
  tags: ['orders'],
  request: {
    params: z.object({ orderId: z.string().regex(/^\d{19}$/, 'must be an order number of 19 digits') }),
    body: jsonBody(wire.object({ reason: z.string().trim().min(1).max(500) }), { reason: 'ordered the wrong size' }),
  },
  responses: {
    200: json(cancelled, 'Cancelled, or on its way there.', {
      orderId: '1794355203001001001',
      state: { code: 'O4', name: 'ORDER_CANCELLED' },
      cancelling: false,
    }),
  },
});

const confirmed = wire.object({ orderId: z.string(), state: stateSchema }).openapi('ConfirmedOrder', {
  example: { orderId: '1795557627000001001', state: { code: 'O5', name: 'ORDER_COMPLETED' } },
});

const confirm = route({
  method: 'post',
  path: '/v1/orders/{orderId}/confirm',
  access: ['shop'],
  summary: 'Confirm that everything was received (确认收货)',
  description: 'Completes a delivered order before the 7 days would; confirming again answers the same.',
  tags: ['orders'],
  request: { params: z.object({ orderId: orderNumber }) },
  responses: { 200: json(confirmed, 'Completed.') },
});

/** What ends an order: the shopper's wish before it is paid, and their word once it is delivered. */
export function cancelRoutes(context: CoreContext) {
  const router = createRouter();
  router.openapi(cancel, async (c) => {
    const { orderId } = c.req.valid('param');
    return reply(c, toWire(await cancelOrder(context, orderId, c.req.valid('json').reason, signalOf(c))));
  });
  router.openapi(confirm, async (c) => {
    const done = await confirmOrder(context, c.get('principal').name, c.req.valid('param').orderId);
    return reply(c, done.ok ? ok({ ...done.value, state: stateOnWire(orderMachine, done.value.state) }) : done);
  });
  return router;
}

function toWire(result: Result<Cancelled>): Result<z.infer<typeof cancelled>> {
  if (!result.ok) return result;
  const { orderId, state, cancelling } = result.value;
  return ok({ orderId, state: { code: state, name: stateSpec(orderMachine, state).name }, cancelling });
}
