import { graph } from '../../panel.ts';
import { isNot, noneOf, rate, SHOWN, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Refused by the guard (防护拒绝)',
  description: 'Requests a second that an entry refused, by the rule that decided. Zero while every entry is open.',
  unit: 'reqps',
  queries: [
    {
      expr: sumBy(
        ['entry', 'rule'],
        rate(series('guardDecisions', { entry: isNot(''), outcome: noneOf('allowed'), ...SHOWN })),
      ),
      legend: '{{entry}} by {{rule}}',
    },
  ],
  noValue: 'no instance reports',
});
