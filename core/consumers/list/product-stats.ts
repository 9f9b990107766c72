import { followSales, STAT_MACHINES } from '../../catalog/stats/stats.ts';
import { defineConsumer } from '../consumers.ts';

export default defineConsumer({
  id: 'product-stats',
  title: "Keeps each product's price range, stock and sales beside its rows",
  titleZh: '商品统计',
  machines: STAT_MACHINES,
  batch: 200,
  handle: (events, tx, context) => followSales(context, tx, events),
});
