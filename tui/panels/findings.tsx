import { Text } from 'ink';
import { Row } from '../components/panel.tsx';
import { ageAt, money } from '../words.ts';
import { mark, type PanelSpec, WIDE } from './panel-spec.ts';

/** Violated invariants with their money: what is open, the newest first. */
export const findings: PanelSpec = {
  title: 'Findings 资损',
  note: ({ data }) => `${data.openFindings} open`,
  keys: (data) => data.findings.map(({ id }) => id),
  rows: (view) => {
    const { data } = view;
    if (data.findings.length === 0)
      return [<Text key="none">{view.stale ? ' ? none when last heard' : ' none open'}</Text>];
    return data.findings.map((one, i) => (
      <Row
        key={one.id}
        cells={[
          { text: `${mark(view, i)}${one.tier}`, width: 3, tone: 'bad' },
          { text: view.width < WIDE ? one.check : `${one.check} · ${one.detail}`, grow: true },
          { text: money(one.exposure), right: true, tone: 'bad' },
          { text: ageAt(one.firstBadAt, data), width: 6, right: true },
        ]}
      />
    ));
  },
  facts: (data, key) => {
    const one = data.findings.find(({ id }) => id === key);
    if (one === undefined) return [];
    const check = data.checks.find(({ id }) => id === one.check);
    return [
      ['finding', `${one.id} · ${one.tier} · ${one.status}`],
      ['check', check === undefined ? one.check : `${one.check} · ${check.title} · ${check.titleZh}`],
      ['exposure', `${money(one.exposure)}: what the check counts for this row; the runbook says how`],
      ['row key', `${one.rowKey} (the runbook says of what)`],
      ['detail', one.detail],
      ['first bad', `${one.firstBadAt}, ${ageAt(one.firstBadAt, data)} ago`],
      ['found', `${one.foundAt}, ${ageAt(one.foundAt, data)} ago`],
      ['last seen', `${one.lastSeenAt}, ${ageAt(one.lastSeenAt, data)} ago`],
      ['runbook', `runbooks/${one.check}.md`],
    ];
  },
};
