import { graph } from '../../panel.ts';
import { buckets, quantile, rate } from '../../promql.ts';

export default graph({
  title: 'Time of a repair run, p99 (补偿耗时)',
  description:
    'A run claims what is due and drives it; it claims no more after 10 s. Long runs: much is due, or the outside is slow.',
  unit: 's',
  queries: [{ expr: quantile(0.99, ['repair'], rate(buckets('repairRunDuration'))), legend: '{{repair}}' }],
  thresholds: { 10: 'orange' },
  noValue: 'unknown: no reconciler reports',
});
