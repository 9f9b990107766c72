import { stat } from '../../panel.ts';
import { maxBy, minBy, series } from '../../promql.ts';
import { VERDICTS } from './verdicts.ts';

const each = maxBy(['check'], series('checkVerdict'));

export default stat({
  title: 'Verdict (核对结论)',
  description:
    'Over all checks: VIOLATED when any is, UNKNOWN when any did not run or lags, HOLDS only when every one holds. Also UNKNOWN when no reconciler reports: silence is never green.',
  unit: 'none',
  solid: true,
  queries: [{ expr: `${maxBy([], each)} == 1 or ${minBy([], each)} or vector(-1)`, legend: 'verdict' }],
  meanings: VERDICTS,
  noValue: 'Prometheus does not answer',
});
