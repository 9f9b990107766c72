import { openTemporaryCart, openUserCart, setItem } from '../../../core/carts/carts.ts';
import { CartTokens } from '../../../core/carts/tokens.ts';
import { WEBHOOK_SECRET } from '../../support/sandbox.ts';
import type { ExampleRuns, Stage } from '../stage.ts';

/** The cart of user 1001 with a T-shirt in it. */
const filled = async ({ ctx }: Stage) => {
  const { cartId } = await openUserCart(ctx, 1001);
  const put = await setItem(ctx, cartId, { kind: 'user', userId: 1001 }, { skuId: 100_001, quantity: 1 });
  if (!put.ok) throw new Error(put.detail);
  return { params: { cartId, skuId: '100001' }, query: { userId: '1001' } };
};

export default {
  id: 'carts',
  runs: {
    'POST /v1/carts': {},
    'GET /v1/carts/{cartId}': { setUp: filled },
    'PUT /v1/carts/{cartId}/items/{skuId}': { setUp: filled },
    'POST /v1/carts/{cartId}/items': { setUp: filled },
    'DELETE /v1/carts/{cartId}/items/{skuId}': { setUp: filled },
    'DELETE /v1/carts/{cartId}/items': { setUp: filled },
    'POST /v1/carts/{cartId}/merge': {
      setUp: async ({ ctx }) => {
        const { cart, token } = openTemporaryCart(ctx, new CartTokens(WEBHOOK_SECRET));
        return { params: { cartId: cart.cartId }, headers: { 'cart-token': token } };
      },
    },
    'POST /v1/carts/{cartId}/checkout': {
      status: 201,
      setUp: async (stage) => ({ params: (await filled(stage)).params }),
    },
  },
} satisfies ExampleRuns;
