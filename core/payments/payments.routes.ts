import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import { signalOf } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { stateSpec } from '../kernel/machine.ts';
import { paymentMachine } from './payments.machine.ts';
import { type PayStatus, pay } from './payments.ts';

const payStatus = z
  .object({
    paymentId: z.string(),
    status: z.object({ code: z.string(), name: z.string() }),
    /** Where the shopper pays; null while the channel has not accepted the attempt, and after its end. */
    payUrl: z.string().nullable(),
    failureReason: z.string().nullable(),
  })
  .openapi('PayStatus', {
    example: {
      paymentId: 'pay_01kavw2m3n8q4r5s6t7v8w9x0y',
      status: { code: 'P7', name: 'PAYMENT_PROCESSING' },
      payUrl: 'http://127.0.0.1:4609/sandbox/pay/pay_01kavw2m3n8q4r5s6t7v8w9x0y',
      failureReason: null,
    },
  });

const payRoute = route({
  method: 'post',
  path: '/v1/pay-orders/{payOrderId}/pay',
  access: ['shop'],
  summary: 'Pay a pay order at a channel',
  tags: ['payments'],
  description:
    'Starts an attempt, or answers with the live one when pay is pressed twice. An answer in P2 or P5 means that the ' +
    'other side has not answered yet: the attempt goes on by itself, ask again with GET /v1/pay-orders/{payOrderId}.',
  request: {
    params: z.object({ payOrderId: z.string().regex(/^\d{19}$/, 'must be a pay order number of 19 digits') }),
    body: jsonBody(wire.object({ channel: z.string().min(1).max(50) }), { channel: 'sandbox' }),
  },
  responses: { 200: json(payStatus, 'Where the attempt stands.') },
});

export function paymentRoutes(context: CoreContext) {
  return createRouter().openapi(payRoute, async (c) => {
    const { payOrderId } = c.req.valid('param');
    const { channel } = c.req.valid('json');
    return reply(c, toWire(await pay(context, { payOrderId, channel }, signalOf(c))));
  });
}

function toWire(result: Result<PayStatus>): Result<z.infer<typeof payStatus>> {
  if (!result.ok) return result;
  const { paymentId, state, payUrl, failureReason } = result.value;
  const status = { code: state, name: stateSpec(paymentMachine, state).name };
  return ok({ paymentId, status, payUrl: state === 'P7' ? payUrl : null, failureReason });
}
