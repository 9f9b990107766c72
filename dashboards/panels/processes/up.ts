import { timeline } from '../../panel.ts';
import { runtime } from '../../promql.ts';

export default timeline({
  title: 'Up (存活)',
  description: 'Whether Prometheus could scrape the process. Down also when it hangs, or when its port is blocked.',
  unit: 'none',
  queries: [{ expr: runtime('up'), legend: '{{job}} {{instance}}' }],
  meanings: { 0: { text: 'DOWN', colour: 'red' }, 1: { text: 'up', colour: 'green' } },
  noValue: 'nothing is scraped',
});
