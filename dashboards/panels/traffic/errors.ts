import { graph } from '../../panel.ts';
import { rate, share, sumBy } from '../../promql.ts';
import { requests } from './requests.ts';

const all = sumBy(['process'], rate(requests()));

export default graph({
  title: 'Errors and refusals (错误率)',
  description:
    'Share of all answers. Errors: 5xx but 503. Refused: 429 and 503, which a closed entry or a full process answers on purpose. Empty without requests.',
  unit: 'percentunit',
  queries: [
    {
      expr: share(sumBy(['process'], rate(requests({ status: '=~"5(0[^3]|[1-9].)"' }))), all),
      legend: '{{process}} errors',
    },
    { expr: share(sumBy(['process'], rate(requests({ status: '=~"429|503"' }))), all), legend: '{{process}} refused' },
  ],
  thresholds: { 0.01: 'orange', 0.05: 'red' },
  noValue: 'no requests',
});
