import { stat } from '../../panel.ts';
import { money } from '../../promql.ts';

export default stat({
  title: 'Money at risk (风险敞口)',
  description:
    'What the findings add up to that are not repaired, per currency, in whole units. Late money counts too: the runbook of the check says whether it is lost or only late.',
  unit: 'none',
  decimals: 2,
  queries: [{ expr: money('exposure', 'max'), legend: '{{currency}}' }],
  thresholds: { 0.001: 'orange', 10000: 'red' },
  noValue: 'unknown: no reconciler reports',
});
