import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, route } from '../kernel/http/route.ts';
import { receive } from './callbacks.ts';
import { isCallbackKind } from './messages.ts';
import type { Signatures } from './signatures.ts';

const callback = route({
  method: 'post',
  path: '/v1/callbacks/{kind}',
  access: 'open',
  summary: 'Take a signed message of a payment channel or of the fulfilment service (Standard Webhooks)',
  tags: ['callbacks'],
  request: {
    params: z.object({ kind: z.string().refine(isCallbackKind, 'must be payment, refund, fulfilment or return') }),
    headers: z.object({
      'webhook-id': z.string().min(1).max(200),
      'webhook-timestamp': z.string().min(1).max(20),
      'webhook-signature': z.string().min(1).max(1000),
    }),
  },
  responses: {
    200: json(z.object({ status: z.enum(['applied', 'duplicate', 'stored']) }), 'Taken; it need not be sent again.', {
      status: 'applied',
    }),
  },
});

export function callbackRoutes(context: CoreContext, signatures: Signatures) {
  return createRouter().openapi(callback, async (c) => {
    const { kind } = c.req.valid('param');
    if (!isCallbackKind(kind)) throw new Error(`broken invariant: unknown callback kind ${kind}`);
    const headers = c.req.valid('header');
    const text = await c.req.text();
    if (text === '') return reply(c, refuse('malformed_json', 'The body is not JSON: it is empty.'));
    return reply(c, await receive(context, signatures, { kind, text, body: await c.req.json(), headers }));
  });
}
