import { graph } from '../../panel.ts';
import { is, SHOWN, series, sumBy } from '../../promql.ts';

const by = ['job', 'instance'];
const busy = sumBy(by, series('dbPoolConnections', { state: is('busy'), ...SHOWN }));

export default graph({
  title: 'Database connections in use (连接池)',
  description: 'Share of the connections that the process may open. At 100 % callers wait.',
  unit: 'percentunit',
  max: 1,
  queries: [{ expr: `${busy} / ${sumBy(by, series('dbPoolLimit', SHOWN))}`, legend: '{{job}} {{instance}}' }],
  thresholds: { 0.8: 'orange', 1: 'red' },
  noValue: 'nothing is scraped',
});
