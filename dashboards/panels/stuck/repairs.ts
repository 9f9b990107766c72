import { graph } from '../../panel.ts';
import { rate, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Repairs by outcome (补偿结果)',
  description:
    'Rows a second: advanced; waiting for the other side; handed to a person after the last try; failed, when the row’s own step broke. Many waiting and few advanced: somebody outside does not answer.',
  unit: 'ops',
  queries: [{ expr: sumBy(['outcome'], rate(series('repair'))), legend: '{{outcome}}' }],
  noValue: 'unknown: no reconciler reports',
});
