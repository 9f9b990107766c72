import { followStock } from '../../catalog/sold-out.ts';
import { STOCK_EVENTS } from '../../stock/pieces.ts';
import { defineConsumer } from '../consumers.ts';

export default defineConsumer({
  id: 'sold-out',
  title: 'Lets the shelf follow the stock: sold out when nothing is left, on the shelf when there is some again',
  titleZh: '售罄与恢复上架',
  // A product that is put on the shelf may have no stock; everything else may have changed it.
  machines: ['order', 'shipment', 'refund', 'product', STOCK_EVENTS],
  batch: 200,
  handle: (events, tx, context) => followStock(context, tx, events),
});
