import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../context.ts';
import { ok, type Result, refuse } from '../kernel/errors.ts';
import { reply } from '../kernel/http/problem.ts';
import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { numericId } from '../kernel/http/values.ts';
import { wire } from '../kernel/http/wire.ts';
import { addItem, type Owner, openTemporaryCart, openUserCart, readCart, removeItem, setItem } from './carts.ts';
import type { CartView } from './carts.view.ts';
import { cartOnWire, cartParams, cartSchema, itemParams, ownerHeaders, ownerQuery, quantity } from './carts.wire.ts';
import { mergeCart } from './merge.ts';
import type { CartTokens } from './tokens.ts';

const tags = ['carts'];
const whose = { query: ownerQuery, headers: ownerHeaders };

const open = route({
  method: 'post',
  path: '/v1/carts',
  access: ['shop'],
  summary: "A user's cart, or one for a visitor who has not logged in",
  description:
    "With `userId` it is the user's one cart, the same at every call. Without, it is a temporary one: keep its token in the visitor's cookie and send it as `Cart-Token`; at log-in merge it. Nothing is stored before something is put in.",
  tags,
  request: { body: jsonBody(wire.object({ userId: numericId.optional() }), { userId: '1001' }) },
  responses: {
    200: json(
      wire.object({ cart: cartSchema, token: z.string().nullable(), expiresAt: wire.time.nullable() }),
      'The cart; with a token for a visitor',
      { cart: { cartId: 'crt_01kavw2m3n8q4r5s6t7v8w9x0y', userId: '1001', lines: [] }, token: null, expiresAt: null },
    ),
  },
});

const read = route({
  method: 'get',
  path: '/v1/carts/{cartId}',
  access: ['shop'],
  summary: "A cart's lines with today's price, stock and shelf, and what has changed since they were put in",
  tags,
  request: { params: cartParams, ...whose },
  responses: { 200: json(cartSchema, 'The cart') },
});

const set = route({
  method: 'put',
  path: '/v1/carts/{cartId}/items/{skuId}',
  access: ['shop'],
  summary: 'Set how many pieces of a SKU are in the cart',
  tags,
  request: { params: itemParams, ...whose, body: jsonBody(wire.object({ quantity }), { quantity: 2 }) },
  responses: { 200: json(cartSchema, 'The cart as it is now') },
});

const add = route({
  method: 'post',
  path: '/v1/carts/{cartId}/items',
  access: ['shop'],
  summary: 'Put more pieces of a SKU into the cart',
  tags,
  request: {
    params: cartParams,
    query: ownerQuery,
    headers: z.object({ ...ownerHeaders.shape, ...wire.idempotencyHeaders.shape }),
    body: jsonBody(wire.object({ skuId: numericId, quantity }), { skuId: '100001', quantity: 1 }),
  },
  responses: { 200: json(cartSchema, 'The cart as it is now') },
});

const remove = route({
  method: 'delete',
  path: '/v1/carts/{cartId}/items/{skuId}',
  access: ['shop'],
  summary: 'Take a SKU out of the cart',
  tags,
  request: { params: itemParams, ...whose },
  responses: { 200: json(cartSchema, 'The cart as it is now') },
});

const clear = route({
  method: 'delete',
  path: '/v1/carts/{cartId}/items',
  access: ['shop'],
  summary: 'Empty the cart',
  tags,
  request: { params: cartParams, ...whose },
  responses: { 200: json(cartSchema, 'The empty cart') },
});

const merge = route({
  method: 'post',
  path: '/v1/carts/{cartId}/merge',
  access: ['shop'],
  summary: "Put a visitor's cart into that of the user who has logged in",
  description:
    'The same SKU adds up. What a line or a cart cannot hold is named and never fails the log-in. Sent again it adds nothing.',
  tags,
  request: {
    params: cartParams,
    headers: ownerHeaders,
    body: jsonBody(wire.object({ userId: numericId }), { userId: '1001' }),
  },
  responses: {
    200: json(
      wire.object({ cart: cartSchema, capped: z.array(z.string()), dropped: z.array(z.string()) }),
      "The user's cart; SKUs that were capped, and those for which it had no line left",
      {
        cart: { cartId: 'crt_01kavw2m3n8q4r5s6t7v8w9x0y', userId: '1001', lines: [] },
        capped: ['100001'],
        dropped: [],
      },
    ),
  },
});

/** Carts of users and of visitors. */
export function cartRoutes(ctx: CoreContext, tokens: CartTokens) {
  const ownerOf = (cartId: string, userId: number | undefined, token: string | undefined): Result<Owner> => {
    if (userId !== undefined) return ok({ kind: 'user', userId });
    const visitor = visitorOf(cartId, token);
    return visitor.ok ? ok({ kind: 'visitor', expiresAt: visitor.value.expiresAt }) : visitor;
  };
  const visitorOf = (cartId: string, token: string | undefined) => {
    if (token === undefined) {
      return refuse('cart_token_invalid', 'Say whose cart it is: ?userId= of a user, or Cart-Token of a visitor.');
    }
    const known = tokens.read(token, ctx.clock.now());
    if (known !== null && known.cartId === cartId) return ok(known);
    return refuse('cart_token_invalid', `The Cart-Token does not open cart ${cartId}: it is over, or another one's.`);
  };

  return createRouter()
    .openapi(open, async (c) => {
      const { userId } = c.req.valid('json');
      if (userId !== undefined) {
        return reply(c, ok({ cart: cartOnWire(await openUserCart(ctx, userId)), token: null, expiresAt: null }));
      }
      const { cart, token, expiresAt } = openTemporaryCart(ctx, tokens);
      return reply(c, ok({ cart: cartOnWire(cart), token, expiresAt: expiresAt.toISOString() }));
    })
    .openapi(read, async (c) => {
      const { cartId } = c.req.valid('param');
      const owner = ownerOf(cartId, c.req.valid('query').userId, c.req.valid('header')['cart-token']);
      return reply(c, onWire(owner.ok ? await readCart(ctx, cartId, owner.value) : owner));
    })
    .openapi(set, async (c) => {
      const { cartId, skuId } = c.req.valid('param');
      const owner = ownerOf(cartId, c.req.valid('query').userId, c.req.valid('header')['cart-token']);
      const put = { skuId, quantity: c.req.valid('json').quantity };
      return reply(c, onWire(owner.ok ? await setItem(ctx, cartId, owner.value, put) : owner));
    })
    .openapi(add, async (c) => {
      const { cartId } = c.req.valid('param');
      const headers = c.req.valid('header');
      const owner = ownerOf(cartId, c.req.valid('query').userId, headers['cart-token']);
      const key = headers['idempotency-key'];
      return reply(c, onWire(owner.ok ? await addItem(ctx, cartId, owner.value, c.req.valid('json'), key) : owner));
    })
    .openapi(remove, async (c) => {
      const { cartId, skuId } = c.req.valid('param');
      const owner = ownerOf(cartId, c.req.valid('query').userId, c.req.valid('header')['cart-token']);
      return reply(c, onWire(owner.ok ? await removeItem(ctx, cartId, owner.value, skuId) : owner));
    })
    .openapi(clear, async (c) => {
      const { cartId } = c.req.valid('param');
      const owner = ownerOf(cartId, c.req.valid('query').userId, c.req.valid('header')['cart-token']);
      return reply(c, onWire(owner.ok ? await removeItem(ctx, cartId, owner.value, null) : owner));
    })
    .openapi(merge, async (c) => {
      const { cartId } = c.req.valid('param');
      const visitor = visitorOf(cartId, c.req.valid('header')['cart-token']);
      if (!visitor.ok) return reply(c, visitor);
      const merged = await mergeCart(ctx, visitor.value, c.req.valid('json').userId);
      if (!merged.ok) return reply(c, merged);
      const { cart, capped, dropped } = merged.value;
      return reply(c, ok({ cart: cartOnWire(cart), capped: capped.map(String), dropped: dropped.map(String) }));
    });
}

function onWire(result: Result<CartView>): Result<z.infer<typeof cartSchema>> {
  return result.ok ? ok(cartOnWire(result.value)) : result;
}
