import { graph } from '../../panel.ts';
import { maxBy, series } from '../../promql.ts';

export default graph({
  title: 'Age of the oldest that is stuck (最老卡单)',
  description: 'How long the oldest stuck row of each state has been there. A straight line up: nothing moves it.',
  unit: 's',
  queries: [{ expr: maxBy(['state'], series('stuckOldest')), legend: '{{state}}' }],
  noValue: 'unknown: no reconciler reports',
  runbooks: ['stuck-age'],
});
