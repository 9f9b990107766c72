import { defineConsumer } from '../consumers.ts';
import { notify } from '../notifications.ts';

export default defineConsumer({
  id: 'notifications',
  title: 'Tells users what became of their orders and refunds',
  titleZh: '消息通知',
  machines: ['order', 'refund'],
  batch: 500,
  handle: (events, tx) => notify(tx, events),
});
