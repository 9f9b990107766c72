import { stat } from '../../panel.ts';
import { maxBy, series, sumBy } from '../../promql.ts';

export default stat({
  title: 'Stuck now (卡单)',
  description: 'Rows of all machines that sit in a state longer than it allows, or wait for a person.',
  unit: 'none',
  decimals: 0,
  queries: [{ expr: sumBy([], maxBy(['state'], series('stuckOrders'))), legend: 'stuck' }],
  thresholds: { 1: 'orange', 10: 'red' },
  noValue: 'unknown: no reconciler reports',
  runbooks: ['stuck-age'],
});
