import { graph } from '../../panel.ts';
import { is, rate, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Advanced by repairs, by state (补偿推进)',
  description: 'Rows a second that a repair brought forward, by the state they were stuck in.',
  unit: 'ops',
  queries: [{ expr: sumBy(['state'], rate(series('repair', { outcome: is('advanced') }))), legend: '{{state}}' }],
  noValue: 'unknown: no reconciler reports',
});
