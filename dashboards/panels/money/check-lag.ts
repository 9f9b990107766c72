import { graph } from '../../panel.ts';
import { minBy, series } from '../../promql.ts';

export default graph({
  title: 'Lag of each check (核对延迟)',
  description:
    'How much of the present the last verdict does not know. A few seconds are normal; beyond 30 s a check of level "seconds" reads unknown. A long write transaction anywhere in the cluster shows here.',
  unit: 's',
  queries: [{ expr: minBy(['check'], series('checkLag')), legend: '{{check}}' }],
  thresholds: { 30: 'red' },
  noValue: 'unknown: no reconciler reports',
});
