import { graph } from '../../panel.ts';
import { is, rate, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Orders into each state (订单漏斗)',
  description: 'Orders a second: O0 created, O1 paid, O2 fulfilled, O3 refunded, O4 cancelled, O5 completed.',
  unit: 'ops',
  queries: [{ expr: sumBy(['state'], rate(series('orderState', { machine: is('order') }))), legend: '{{state}}' }],
  noValue: 'no process reports',
});
