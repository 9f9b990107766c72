import { graph } from '../../panel.ts';
import { minBy, series } from '../../promql.ts';

export default graph({
  title: 'Lag of the bus (事件总线延迟)',
  description:
    'Age of the oldest event that a consumer has not handled. The dirty sets of the checks and the day’s tallies are fed by it.',
  unit: 's',
  queries: [{ expr: minBy(['consumer'], series('busLag')), legend: '{{consumer}}' }],
  thresholds: { 10: 'orange', 60: 'red' },
  noValue: 'unknown: no consumer reports',
});
