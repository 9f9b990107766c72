import { graph } from '../../panel.ts';
import { is, oneOf, rate, series, share, sumBy } from '../../promql.ts';

/** The ends of an attempt, by who ended it. */
const ENDS = ['P3', 'P6', 'P8', 'P9', 'P10', 'P11'];
const ended = (...states: string[]): string =>
  sumBy([], rate(series('orderState', { machine: is('payment'), state: oneOf(...states) })));

export default graph({
  title: 'How payments end (支付成功率)',
  description:
    'Share of the attempts that ended: paid (P8); refused by marketing or the channel (P3, P6, P9); given up by the shopper or by time (P10, P11). Empty while none ends.',
  unit: 'percentunit',
  max: 1,
  queries: [
    { expr: share(ended('P8'), ended(...ENDS)), legend: 'paid' },
    { expr: share(ended('P3', 'P6', 'P9'), ended(...ENDS)), legend: 'refused' },
    { expr: share(ended('P10', 'P11'), ended(...ENDS)), legend: 'given up' },
  ],
  noValue: 'no attempt ended',
});
