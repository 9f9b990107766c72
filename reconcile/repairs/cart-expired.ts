import { purgeExpired } from '../../core/carts/carts.ts';
import { defineSweep } from '../repair.ts';

/** Carts of visitors whose token is over are deleted with their lines: nobody can open them any more. */
export default defineSweep({
  id: 'cart-expired',
  title: "visitors' carts whose time is over",
  state: 'cart',
  sweep: (context, limit) => purgeExpired(context, limit),
});
