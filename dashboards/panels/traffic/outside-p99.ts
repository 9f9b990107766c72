import { graph } from '../../panel.ts';
import { buckets, quantile, rate, SHOWN } from '../../promql.ts';

export default graph({
  title: 'Latency of calls outside, p99 (外部调用延迟)',
  description: 'Calls are given up after 3 s, and their outcome is then unknown.',
  unit: 's',
  queries: [{ expr: quantile(0.99, ['target'], rate(buckets('outsideCallDuration', SHOWN))), legend: '{{target}}' }],
  noValue: 'no calls',
});
