import { graph } from '../../panel.ts';
import { runtime } from '../../promql.ts';

export default graph({
  title: 'Memory (内存)',
  description: 'Heap in use, and all that the process holds (resident). A heap that only grows is a leak.',
  unit: 'bytes',
  queries: [
    { expr: runtime('nodejs_heap_size_used_bytes'), legend: '{{job}} {{instance}} heap' },
    { expr: runtime('process_resident_memory_bytes'), legend: '{{job}} {{instance}} resident' },
  ],
  noValue: 'nothing is scraped',
});
