import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { label, moneySchema, numericId, positiveMoney, stateOnWire, stateSchema } from '../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../kernel/http/wire.ts';
import { money } from '../kernel/money.ts';
import { campaignMachine } from './campaigns.machine.ts';
import { listCampaigns } from './campaigns.store.ts';
import { CAMPAIGN_COMMANDS, type Campaign, commandCampaign, createCampaign, findCampaign } from './campaigns.ts';
import { COUPON_KINDS } from './coupon-terms.ts';
import { grantOfCampaign } from './coupons.ts';
import { couponCode, couponOnWire, couponSchema } from './coupons.wire.ts';
import { readLeft } from './lanes.store.ts';

const tags = ['marketing'];
const campaignId = z.string().regex(/^cmp_[0-9a-z]{26}$/, 'must be the id of a campaign');
const quota = z.int().min(1).max(1_000_000_000);

const EXAMPLE = {
  campaignId: 'cmp_01kaexample0000000000000000',
  name: '双11满减',
  kind: 'threshold' as const,
  code: 'SALE-1111',
  amount: { amount: 3000, currency: 'CNY' as const },
  threshold: { amount: 30000, currency: 'CNY' as const },
  basisPoints: null,
  startsAt: '2026-11-11T00:00:00.000Z',
  endsAt: '2026-11-12T00:00:00.000Z',
  perUserQuota: 1,
  totalQuota: 100000,
  budget: null,
  left: { coupons: 99831, budget: null },
  state: { code: 'ACTIVE', name: 'CAMPAIGN_ACTIVE' },
};

const campaignSchema = wire
  .object({
    campaignId: z.string(),
    name: z.string(),
    kind: z.enum(COUPON_KINDS),
    code: z.string().nullable(),
    amount: moneySchema,
    threshold: moneySchema,
    basisPoints: z.int().nullable(),
    startsAt: wire.time,
    endsAt: wire.time,
    perUserQuota: z.int().nullable(),
    totalQuota: z.int().nullable(),
    budget: moneySchema.nullable(),
    left: wire.object({ coupons: z.int().nullable(), budget: moneySchema.nullable() }),
    state: stateSchema,
  })
  .openapi('Campaign', { example: EXAMPLE });

const campaignBody = wire.object({
  name: label(100),
  kind: z.enum(COUPON_KINDS),
  code: couponCode.optional().openapi({ description: 'One that many share; without it coupons are granted to users' }),
  amount: positiveMoney.openapi({ description: 'What is taken off; of a percentage, the most that is taken off' }),
  threshold: moneySchema.optional(),
  basisPoints: z.int().min(1).max(10_000).optional().openapi({ description: 'Of a percentage: 1500 takes 15 % off' }),
  startsAt: wire.time,
  endsAt: wire.time,
  perUserQuota: quota.optional(),
  totalQuota: quota.optional(),
  budget: positiveMoney.optional(),
});

const create = route({
  method: 'post',
  path: '/v1/campaigns',
  access: ['merchant'],
  summary: 'Open a campaign of coupons: fixed, from a threshold, or a percentage with a cap',
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    body: jsonBody(campaignBody, {
      name: '双11满减',
      kind: 'threshold',
      code: 'SALE-1111',
      amount: { amount: 3000, currency: 'CNY' },
      threshold: { amount: 30000, currency: 'CNY' },
      startsAt: '2026-11-11T00:00:00Z',
      endsAt: '2036-11-12T00:00:00Z',
      perUserQuota: 1,
      totalQuota: 100000,
    }),
  },
  responses: { 200: json(campaignSchema, 'Opened before'), 201: json(campaignSchema, 'The campaign') },
});

const read = route({
  method: 'get',
  path: '/v1/campaigns/{campaignId}',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'A campaign and what is left of it',
  tags,
  request: { params: wire.object({ campaignId }) },
  responses: { 200: json(campaignSchema, 'The campaign') },
});

const list = route({
  method: 'get',
  path: '/v1/campaigns',
  access: ['viewer', 'merchant', 'shop'],
  summary: 'Campaigns, the newest first',
  tags,
  request: { query: wire.page },
  responses: {
    200: json(
      wire
        .object({ items: z.array(campaignSchema), next: z.string().nullable() })
        .openapi({ example: { items: [EXAMPLE], next: null } }),
      'A page of campaigns',
    ),
  },
});

const command = route({
  method: 'post',
  path: '/v1/campaigns/{campaignId}/{command}',
  access: ['merchant', 'operator'],
  summary: 'Pause, resume or end a campaign; orders that hold its coupons keep them',
  tags,
  request: {
    params: wire.object({ campaignId, command: z.enum(CAMPAIGN_COMMANDS).openapi({ example: 'pause' }) }),
    body: jsonBody(wire.object({ reason: label(500) }), { reason: 'the budget goes twice as fast as planned' }),
  },
  responses: { 200: json(campaignSchema, 'The campaign as it is now') },
});

const grant = route({
  method: 'post',
  path: '/v1/campaigns/{campaignId}/coupons',
  access: ['merchant', 'shop'],
  summary: 'Grant a coupon of a campaign to a user, or let the user claim one',
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    params: wire.object({ campaignId }),
    body: jsonBody(wire.object({ userId: numericId }), { userId: '1001' }),
  },
  responses: { 200: json(couponSchema, 'Granted before'), 201: json(couponSchema, 'The coupon') },
});

/** Campaigns: opening them, stopping them, and granting from them. */
export function campaignRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(create, async (c) => {
    const body = c.req.valid('json');
    const wish = { ...body, startsAt: new Date(body.startsAt), endsAt: new Date(body.endsAt) };
    const made = await createCampaign(ctx, c.get('principal').name, wish, c.req.valid('header')['idempotency-key']);
    if (!made.ok) return reply(c, made);
    const { campaign, replayed } = made.value;
    if (!replayed) return reply(c, ok(onWire(campaign)), 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, ok(onWire(campaign)), 200);
  });

  router.openapi(read, async (c) => {
    const found = await findCampaign(ctx.db, c.req.valid('param').campaignId);
    return reply(c, found.ok ? ok(onWire(found.value)) : found);
  });

  router.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const before = cursor === undefined ? ok(undefined) : decodeCursor(campaignId, cursor);
    if (!before.ok) return reply(c, before);
    const rows = await listCampaigns(ctx.db, before.value, limit + 1);
    const shown = rows.slice(0, limit);
    const left = await readLeft(
      ctx.db,
      shown.map((row) => row.id),
    );
    const last = shown.at(-1);
    const next = rows.length > limit && last !== undefined ? encodeCursor(last.id) : null;
    const items = shown.map((row) => onWire({ row, left: left.get(row.id) ?? { slots: null, budget: null } }));
    return reply(c, ok({ items, next }));
  });

  // Before its sister, whose address would take it for a command.
  router.openapi(grant, async (c) => {
    const wish = { campaignId: c.req.valid('param').campaignId, userId: c.req.valid('json').userId };
    const key = c.req.valid('header')['idempotency-key'];
    const granted = await grantOfCampaign(ctx, c.get('principal').name, wish, key);
    if (!granted.ok) return reply(c, granted);
    const { coupon, replayed } = granted.value;
    if (!replayed) return reply(c, ok(couponOnWire(coupon)), 201);
    c.header('Idempotency-Replayed', 'true');
    return reply(c, ok(couponOnWire(coupon)), 200);
  });

  router.openapi(command, async (c) => {
    const params = c.req.valid('param');
    const { reason } = c.req.valid('json');
    const done = await commandCampaign(ctx, c.get('principal').name, params.campaignId, params.command, reason);
    return reply(c, done.ok ? ok(onWire(done.value)) : done);
  });

  return router;
}

function onWire({ row, left }: Campaign): z.infer<typeof campaignSchema> {
  const cash = (amount: number | null) => (amount === null ? null : money(amount, row.currency));
  return {
    campaignId: row.id,
    name: row.name,
    kind: row.kind,
    code: row.code,
    amount: money(row.amount, row.currency),
    threshold: money(row.threshold, row.currency),
    basisPoints: row.basis_points,
    startsAt: row.starts_at.toISOString(),
    endsAt: row.ends_at.toISOString(),
    perUserQuota: row.per_user_quota,
    totalQuota: row.total_quota,
    budget: cash(row.budget),
    left: { coupons: left.slots, budget: cash(left.budget) },
    state: stateOnWire(campaignMachine, row.state),
  };
}
