import { defineConsumer } from '../consumers.ts';
import { countEvents } from '../statistics.ts';

const ID = 'statistics';

export default defineConsumer({
  id: ID,
  title: 'Adds up what happened, per minute and day',
  titleZh: '实时统计',
  machines: ['order', 'payment', 'refund', 'shipment'],
  batch: 1_000,
  handle: (events, tx) => countEvents(tx, ID, events),
});
