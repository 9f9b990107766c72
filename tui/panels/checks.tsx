import type { CheckStatus, Overview } from '../../control/api/contract.ts';
import { type Cell, Row } from '../components/panel.tsx';
import { age, checkSign, checkText, figure, minuteAt, moneyList } from '../words.ts';
import { mark, type PanelSpec, type PanelView, WIDE } from './panel-spec.ts';

function cellsOf(view: PanelView, check: CheckStatus, i: number): readonly Cell[] {
  const { symbol, tone } = checkSign(check, view.stale);
  const first: Cell = { text: `${mark(view, i)}${symbol}`, width: 2, tone };
  const last: Cell = { text: age(check.ageSeconds), width: 6, right: true };
  const name = view.width < WIDE ? check.id : `${check.id} ${check.titleZh}`;
  switch (check.verdict) {
    case 'holds':
      return [
        first,
        { text: name, grow: true, tone: view.stale ? tone : 'plain' },
        { text: figure(check.coverage.rows), width: 5, right: true },
        last,
      ];
    case 'violated':
      // The money is never cut; the check's name is in the first lines of the screen too.
      return [
        first,
        { text: name, grow: true, tone },
        { text: `${figure(check.count)}: ${moneyList(check.amounts)}`, tone },
        last,
      ];
    case 'unknown':
      return [first, { text: `${check.id}: ${checkText(check, view.data)}`, grow: true, tone }, last];
  }
}

/** Both looks that a verdict stands on: the newest, at what was new since the one before, and the last at everything. */
function coveredText({ coverage: { mode, rows, fullAt, fullFailure } }: CheckStatus, data: Overview): string {
  if (mode === 'full') return `all history ${rows} rows`;
  const failure = fullFailure === null ? '' : ` (the last try failed: ${fullFailure})`;
  const all = fullAt === null ? 'never' : `${minuteAt(fullAt, data)} UTC`;
  return `since the last run ${rows} rows · all history ${all}${failure}`;
}

const BY_VERDICT = { violated: 0, unknown: 1, holds: 2 } as const;

/** What does not hold stands first: a small screen must not hide it below its edge. */
function sorted(data: Overview): readonly CheckStatus[] {
  return data.checks.toSorted((a, b) => BY_VERDICT[a.verdict] - BY_VERDICT[b.verdict]);
}

/** The fund-loss invariants with what their newest run covered. */
export const checks: PanelSpec = {
  title: 'Checks 核对',
  note: () => 'rows last run, age',
  keys: (data) => sorted(data).map(({ id }) => id),
  rows: (view) => sorted(view.data).map((check, i) => <Row key={check.id} cells={cellsOf(view, check, i)} />),
  facts: (data, key) => {
    const check = data.checks.find(({ id }) => id === key);
    if (check === undefined) return [];
    const { symbol } = checkSign(check, false);
    const { upTo, lagSeconds, backlog } = check.coverage;
    return [
      ['check', `${check.id} · ${check.title} · ${check.titleZh}`],
      ['verdict', `${symbol} ${check.verdict}${check.reason === null ? '' : `: ${check.reason}`}`],
      ['found', `${check.count} rows, ${moneyList(check.amounts)}`],
      ['a green means', check.covers],
      ['covered', coveredText(check, data)],
      ['behind', `${age(lagSeconds)}, ${backlog} to come${upTo === null ? '' : `, up to ${upTo}`}`],
      ['finished', check.finishedAt === null ? 'never' : `${check.finishedAt}, ${age(check.ageSeconds)} ago`],
      ['runbook', `runbooks/${check.id}.md`],
    ];
  },
};
