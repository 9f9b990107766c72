import { graph } from '../../panel.ts';
import { SHOWN, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Waiting for a connection (等待连接)',
  description: 'Callers that wait for a free database connection; after 5 s they are refused.',
  unit: 'none',
  decimals: 0,
  queries: [{ expr: sumBy(['job', 'instance'], series('dbPoolWaiting', SHOWN)), legend: '{{job}} {{instance}}' }],
  thresholds: { 1: 'orange' },
  noValue: 'nothing is scraped',
});
