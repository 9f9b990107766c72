import { stat } from '../../panel.ts';
import { buckets, increase, quantile } from '../../promql.ts';

export default stat({
  title: 'From a flip to its enforcement (生效耗时)',
  description:
    'Time from a published revision to its acknowledgement by an instance, over the time shown. Aim: p99 under 0.1 s for 200 instances.',
  unit: 's',
  queries: [
    { expr: quantile(0.5, [], increase(buckets('flipPropagation'))), legend: 'p50' },
    { expr: quantile(0.99, [], increase(buckets('flipPropagation'))), legend: 'p99' },
  ],
  thresholds: { 1: 'orange', 10: 'red' },
  noValue: 'no flip in the time shown',
});
