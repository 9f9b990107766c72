import { earnPoints } from '../../marketing/points.ts';
import { defineConsumer } from '../consumers.ts';

export default defineConsumer({
  id: 'points',
  title: 'Gives shoppers the points of orders that they have received',
  titleZh: '完成订单发积分',
  machines: ['order'],
  batch: 100,
  async handle(events, tx, context) {
    const received = events.filter((event) => event.fromState === 'O2' && event.toState === 'O5');
    // In one order, so that whoever locks several pay orders does not wait in a ring.
    const orders = received.map((event) => event.entityId).sort();
    for (const orderId of orders) await earnPoints(tx, context, orderId);
  },
});
