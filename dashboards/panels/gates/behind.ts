import { stat } from '../../panel.ts';
import { maxBy, SHOWN, series, sumBy } from '../../promql.ts';

const revisions = maxBy(['job', 'instance'], series('rulesetRevision', SHOWN));

export default stat({
  title: 'Instances behind (未生效实例)',
  description:
    'Instances that do not enforce the newest revision. A flip is done when this is 0 and every process is up: an instance that hangs cannot be scraped, and the terminal names it.',
  unit: 'none',
  decimals: 0,
  queries: [
    {
      expr: sumBy([], `${revisions} < bool on () group_left () ${maxBy([], series('rulesetHead'))}`),
      legend: 'behind',
    },
  ],
  thresholds: { 1: 'red' },
  noValue: 'unknown: no control or no instance reports',
});
