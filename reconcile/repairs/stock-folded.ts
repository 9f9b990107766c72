import { foldSold } from '../../core/stock/fold.ts';
import { defineSweep } from '../repair.ts';

/** What was sold long ago becomes one sum per SKU, so that the check of a hot SKU's stock does not follow its history. */
export default defineSweep({
  id: 'stock-folded',
  title: 'sales that the check of the stock need not read one by one',
  state: 'sold',
  sweep: (context, limit) => context.db.tx((tx) => foldSold(tx, limit)),
});
