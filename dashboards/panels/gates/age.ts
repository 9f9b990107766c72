import { graph } from '../../panel.ts';
import { maxBy, SHOWN, series } from '../../promql.ts';

export default graph({
  title: 'Age of the rules (规则年龄)',
  description:
    'Since when control has not vouched for what an instance enforces. A second or two is normal. Growing: control or the way to it is gone; the instance serves on by its last good rules and hears of no flip.',
  unit: 's',
  queries: [{ expr: maxBy(['job', 'instance'], series('rulesetAge', SHOWN)), legend: '{{instance}}' }],
  thresholds: { 10: 'orange', 60: 'red' },
  noValue: 'no instance reports',
});
