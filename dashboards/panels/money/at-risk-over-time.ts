import { graph } from '../../panel.ts';
import { money } from '../../promql.ts';

export default graph({
  title: 'Money at risk over time (敞口走势)',
  description: 'Its slope matters more than its size: what grows without end is S0 whatever it is now.',
  unit: 'none',
  decimals: 2,
  queries: [{ expr: money('exposure', 'max'), legend: '{{currency}}' }],
  noValue: 'unknown: no reconciler reports',
});
