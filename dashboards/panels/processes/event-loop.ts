import { graph } from '../../panel.ts';
import { runtime } from '../../promql.ts';

export default graph({
  title: 'Event loop lag, p99 (事件循环延迟)',
  description:
    'How late timers and answers start because other work held the thread. Every request pays it. About 10 ms is idle: the step of the sampler.',
  unit: 's',
  queries: [{ expr: runtime('nodejs_eventloop_lag_p99_seconds'), legend: '{{job}} {{instance}}' }],
  thresholds: { 0.1: 'orange', 0.5: 'red' },
  noValue: 'nothing is scraped',
});
