import { graph } from '../../panel.ts';
import { maxBy, series } from '../../promql.ts';

export default graph({
  title: 'Stuck by state (各状态卡单)',
  description:
    'Rows that sit in a state longer than it allows, or wait for a person. Repairs look every second, so what stays here needs the runbook.',
  unit: 'none',
  decimals: 0,
  steps: true,
  queries: [{ expr: maxBy(['state'], series('stuckOrders')), legend: '{{state}}' }],
  noValue: 'unknown: no reconciler reports',
  runbooks: ['stuck-age'],
});
