import { stat } from '../../panel.ts';
import { maxBy, series, sumBy } from '../../promql.ts';

export default stat({
  title: 'Live findings by tier (资损事件)',
  description:
    'S0 rings the phone, S1 chat and SMS, S2 chat, S3 is in the daily report. False alarms and closed ones do not count.',
  unit: 'none',
  decimals: 0,
  queries: [
    {
      expr: sumBy(['tier'], maxBy(['tier', 'status'], series('findings', { status: '!~"closed|false_alarm"' }))),
      legend: '{{tier}}',
    },
  ],
  thresholds: { 1: 'red' },
  noValue: 'unknown: no reconciler reports',
});
