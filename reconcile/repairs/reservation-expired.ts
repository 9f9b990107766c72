import { releaseExpired } from '../../core/stock/stock.ts';
import { defineSweep } from '../repair.ts';

/** Pieces set aside for an order that was not paid in time go back on sale, each exactly once. */
export default defineSweep({
  id: 'reservation-expired',
  title: 'reservations whose time is over',
  state: 'reservation',
  async sweep(context, limit) {
    const { orders } = await context.db.tx((tx) => releaseExpired(tx, context.clock.now(), limit));
    return orders;
  },
});
