import { graph } from '../../panel.ts';
import { is, rate, SHOWN, series, sumBy } from '../../promql.ts';

export default graph({
  title: 'Behaviour switched off (降级命中)',
  description:
    'How often a second the code asked a switch and was told "off": what shoppers lose by the degradations in force.',
  unit: 'ops',
  queries: [
    {
      expr: sumBy(['rule'], rate(series('guardDecisions', { entry: is(''), outcome: is('off'), ...SHOWN }))),
      legend: '{{rule}}',
    },
  ],
  noValue: 'no instance reports',
});
