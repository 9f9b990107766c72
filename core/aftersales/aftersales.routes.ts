import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import type { Role } from '../kernel/access/roles.ts';
import { ok, type Result } from '../kernel/errors.ts';
import type { AppContext } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, positiveMoney } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import { viewLines } from './aftersales.store.ts';
import { refundBody, refundOnWire, refundSchema } from './aftersales.wire.ts';
import { approveRefund, objectToRejection, rejectRefund } from './decisions.ts';
import { findRefund, requestRefund } from './request.ts';
import { closeRefund, retryLeg, settleOtherwise } from './ways-out.ts';

const tags = ['refunds'];
const params = wire.object({ refundId: z.string().regex(/^ref_[0-9a-z]{26}$/, 'must be a refund id') });
const reason = label(500);
const why = wire.object({ reason });

const request = route({
  method: 'post',
  path: '/v1/refunds',
  access: ['shop', 'merchant', 'operator'],
  summary: 'Ask for a refund, a return or an exchange of a paid order, or of pieces of it',
  description:
    'It waits for approval at R1. The Idempotency-Key is unique per user: the same key with the same body answers the first refund with 200 and `Idempotency-Replayed: true`.',
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    body: jsonBody(refundBody, {
      orderId: '1795557627000001001',
      kind: 'refund',
      lines: [{ lineNo: 1, quantity: 1 }],
      reason: 'ordered the wrong size',
    }),
  },
  responses: { 200: json(refundSchema, 'Asked for before'), 201: json(refundSchema, 'The refund') },
});

const read = route({
  method: 'get',
  path: '/v1/refunds/{refundId}',
  access: ['viewer', 'shop', 'merchant'],
  summary: 'A refund with its lines',
  tags,
  request: { params },
  responses: { 200: json(refundSchema, 'The refund') },
});

/** A command of one refund: `POST /v1/refunds/{refundId}/<word>`. */
function command<B extends z.ZodType>(
  word: string,
  access: readonly [Role, ...Role[]],
  summary: string,
  body: ReturnType<typeof jsonBody<B>>,
) {
  return route({
    method: 'post',
    path: `/v1/refunds/{refundId}/${word}`,
    access,
    summary,
    tags,
    request: { params, body },
    responses: { 200: json(refundSchema, 'As it stands now; it goes on by itself.') },
  });
}

const approve = command(
  'approve',
  ['merchant', 'operator'],
  'Agree to a refund; never to one of your own',
  jsonBody(wire.object({ returnGoods: z.boolean().optional(), penalty: positiveMoney.optional() }), {
    returnGoods: false,
  }),
);
const reject = command(
  'reject',
  ['merchant', 'operator'],
  'Reject a refund',
  jsonBody(why, { reason: 'the goods are worn' }),
);
const object = command(
  'object',
  ['shop'],
  'Object to a rejection (用户有异议): a person decides',
  jsonBody(why, { reason: 'they came like that' }),
);
const retry = command(
  'retry',
  ['operator'],
  'At R15: try the return, marketing or the payment again',
  jsonBody(wire.object({ leg: z.enum(['return', 'marketing', 'cash']), reason }), {
    leg: 'cash',
    reason: 'the shopper has opened the account again',
  }),
);
const settle = command(
  'settle',
  ['approver'],
  'At R15: it was paid another way, with evidence',
  jsonBody(wire.object({ reason, evidence: label(1_000) }), {
    reason: 'the card is closed',
    evidence: 'bank transfer 2026-11-12, reference 4711',
  }),
);
const close = command(
  'close',
  ['approver'],
  'At R15: close it without money, with a reason',
  jsonBody(why, { reason: 'the shopper keeps the goods' }),
);

/** What shoppers, the merchant's people and on-call do with refunds. */
export function afterSalesRoutes(context: CoreContext) {
  const router = createRouter();
  const show = async (result: Result<RefundRow>): Promise<Result<z.infer<typeof refundSchema>>> =>
    result.ok ? ok(refundOnWire(result.value, await viewLines(context.db, result.value.id))) : result;
  const actor = (c: AppContext): string => c.get('principal').name;

  router.openapi(request, async (c) => {
    const entrance = c.get('principal').role === 'shop' ? 'user' : 'merchant';
    const key = c.req.valid('header')['idempotency-key'];
    const asked = await requestRefund(context, { name: actor(c), entrance }, c.req.valid('json'), key);
    if (!asked.ok) return reply(c, asked);
    const shown = await show(ok(asked.value.refund));
    if (!asked.value.replayed) return reply(c, shown, 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, shown);
  });
  router.openapi(read, async (c) => reply(c, await show(await findRefund(context, c.req.valid('param').refundId))));
  router.openapi(approve, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await approveRefund(context, actor(c), refundId, c.req.valid('json'))));
  });
  router.openapi(reject, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await rejectRefund(context, actor(c), refundId, c.req.valid('json').reason)));
  });
  router.openapi(object, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await objectToRejection(context, actor(c), refundId, c.req.valid('json').reason)));
  });
  router.openapi(retry, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await retryLeg(context, actor(c), refundId, c.req.valid('json'))));
  });
  router.openapi(settle, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await settleOtherwise(context, actor(c), refundId, c.req.valid('json'))));
  });
  router.openapi(close, async (c) => {
    const { refundId } = c.req.valid('param');
    return reply(c, await show(await closeRefund(context, actor(c), refundId, c.req.valid('json').reason)));
  });
  return router;
}
