import { graph } from '../../panel.ts';
import { rate, runtime } from '../../promql.ts';

export default graph({
  title: 'CPU (处理器)',
  description: 'Cores used. A process serves from one thread: near 1 it is full, and another replica is needed.',
  unit: 'none',
  decimals: 2,
  queries: [{ expr: rate(runtime('process_cpu_seconds_total')), legend: '{{job}} {{instance}}' }],
  thresholds: { 0.9: 'red' },
  noValue: 'nothing is scraped',
});
