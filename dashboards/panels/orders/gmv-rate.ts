import { graph } from '../../panel.ts';
import { money, rate } from '../../promql.ts';

export default graph({
  title: 'GMV a minute (每分钟交易额)',
  description:
    'Whole units per minute and currency. A fall without a flip to explain it is the first sign of an outage.',
  unit: 'none',
  decimals: 2,
  queries: [{ expr: money('gmv', 'sum', (counter) => `60 * ${rate(counter)}`), legend: '{{currency}}' }],
  noValue: 'no process reports',
});
