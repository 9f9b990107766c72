import { graph } from '../../panel.ts';
import { is, rate, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Payments into each state (支付漏斗)',
  description:
    'Attempts a second. P2 asks marketing, P5 asks the channel, P7 waits for the shopper; P8 paid, P3 P6 P9 refused, P10 cancelled, P11 timed out. P5 above P7 and P8 for long: the channel does not answer.',
  unit: 'ops',
  queries: [{ expr: sumBy(['state'], rate(series('orderState', { machine: is('payment') }))), legend: '{{state}}' }],
  noValue: 'no process reports',
});
