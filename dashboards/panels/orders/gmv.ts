import { stat } from '../../panel.ts';
import { increase, money } from '../../promql.ts';

export default stat({
  title: 'GMV in the time shown (交易额)',
  description:
    'Value of the orders that came to be paid, per currency, refunds not taken off. Counted by the processes; the exact figure of the day is in the terminal.',
  unit: 'none',
  decimals: 2,
  queries: [{ expr: money('gmv', 'sum', (counter) => increase(counter)), legend: '{{currency}}' }],
  noValue: 'no process reports',
});
