import { graph } from '../../panel.ts';
import { quantile, rate } from '../../promql.ts';
import { requestBuckets } from './requests.ts';

export default graph({
  title: 'Latency p50 by route (延迟 p50)',
  description: 'Half of the requests were answered within it.',
  unit: 's',
  queries: [{ expr: quantile(0.5, ['process', 'route'], rate(requestBuckets())), legend: '{{process}} {{route}}' }],
  noValue: 'no requests',
});
