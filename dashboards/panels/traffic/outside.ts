import { graph } from '../../panel.ts';
import { observations, rate, SHOWN, share, sumBy } from '../../promql.ts';

const calls = (outcome: '=~".+"' | '!~"[234]xx"'): string =>
  sumBy(['target'], rate(observations('outsideCallDuration', { outcome, ...SHOWN })));

export default graph({
  title: 'Calls outside without an answer (外部调用未知率)',
  description:
    'Share of the calls to channel, marketing and fulfilment whose outcome is unknown: time-outs, resets, 5xx. Unknown is not failed: repairs ask again.',
  unit: 'percentunit',
  queries: [{ expr: share(calls('!~"[234]xx"'), calls('=~".+"')), legend: '{{target}}' }],
  thresholds: { 0.05: 'orange', 0.3: 'red' },
  noValue: 'no calls',
});
