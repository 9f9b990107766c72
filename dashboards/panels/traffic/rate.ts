import { graph } from '../../panel.ts';
import { rate, sumBy } from '../../promql.ts';
import { requests } from './requests.ts';

export default graph({
  title: 'Requests by route (请求量)',
  description: 'Requests a second by process, method and route. Streams count once, when they open.',
  unit: 'reqps',
  queries: [
    { expr: sumBy(['process', 'method', 'route'], rate(requests())), legend: '{{process}} {{method}} {{route}}' },
  ],
  noValue: 'no requests',
});
