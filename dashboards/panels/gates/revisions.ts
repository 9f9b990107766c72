import { graph } from '../../panel.ts';
import { maxBy, SHOWN, series } from '../../promql.ts';

export default graph({
  title: 'Revision per instance (规则版本)',
  description:
    'Are the switches the same everywhere? All lines lie on "newest" a moment after each flip. 0: the declared defaults, because control never spoke.',
  unit: 'none',
  decimals: 0,
  steps: true,
  queries: [
    { expr: maxBy(['job', 'instance'], series('rulesetRevision', SHOWN)), legend: '{{instance}}' },
    { expr: maxBy([], series('rulesetHead')), legend: 'newest' },
  ],
  noValue: 'no instance reports',
});
