import { graph } from '../../panel.ts';
import { quantile, rate } from '../../promql.ts';
import { requestBuckets } from './requests.ts';

export default graph({
  title: 'Latency p99 by route (延迟 p99)',
  description: 'One request in a hundred took longer. "pay" includes the channel.',
  unit: 's',
  queries: [{ expr: quantile(0.99, ['process', 'route'], rate(requestBuckets())), legend: '{{process}} {{route}}' }],
  noValue: 'no requests',
});
