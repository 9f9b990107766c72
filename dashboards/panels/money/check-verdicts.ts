import { timeline } from '../../panel.ts';
import { maxBy, series } from '../../promql.ts';
import { VERDICTS } from './verdicts.ts';

export default timeline({
  title: 'Verdict of each check (各项核对)',
  description:
    'Since when a check is violated or unknown. A gap: no reconciler was there to say. Click a band for the runbook of its check.',
  unit: 'none',
  queries: [{ expr: maxBy(['check'], series('checkVerdict')), legend: '{{check}}' }],
  meanings: VERDICTS,
  noValue: 'unknown: no reconciler reports',
  runbookLabel: 'check',
});
