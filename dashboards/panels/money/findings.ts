import { stat } from '../../panel.ts';
import { maxBy, oneOf, series, sumBy } from '../../promql.ts';

export default stat({
  title: 'Findings by tier (资损事件)',
  description:
    'S0 rings the phone, S1 chat and SMS, S2 chat, S3 is in the daily report. Money is at risk until it is repaired; false alarms do not count.',
  unit: 'none',
  decimals: 0,
  queries: [
    {
      expr: sumBy(
        ['tier'],
        maxBy(['tier', 'status'], series('findings', { status: oneOf('open', 'confirmed', 'stopped') })),
      ),
      legend: '{{tier}}',
    },
  ],
  thresholds: { 1: 'red' },
  noValue: 'unknown: no reconciler reports',
});
