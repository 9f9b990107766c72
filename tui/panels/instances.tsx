import type { InstanceStatus } from '../../control/api/contract.ts';
import { Row } from '../components/panel.tsx';
import { age, type Sign, sign } from '../words.ts';
import { mark, type PanelSpec } from './panel-spec.ts';

/** One that is silent may well enforce what it last heard; that is not known, and a doubt is not good. */
function signOf(one: InstanceStatus, stale: boolean): Sign {
  if (one.current && one.status !== 'live') return { symbol: '!', tone: 'unsure' };
  return sign(one.current && one.status === 'live', stale);
}

/** The processes that enforce rules, and which revision each has in force. */
export const instances: PanelSpec = {
  title: 'Instances 实例',
  note: ({ data: { propagation: p } }) => `rev ${p.revision} on ${p.applied}/${p.total}`,
  keys: (data) => data.instances.map(({ name }) => name),
  rows: (view) =>
    view.data.instances.map((one, i) => {
      const { symbol, tone } = signOf(one, view.stale);
      const why = view.data.propagation.stragglers.find((s) => s.instance === one.name)?.reason;
      const silent = one.status === 'live' || why !== undefined ? '' : ` for ${age(one.silentSeconds)}`;
      return (
        <Row
          key={one.name}
          cells={[
            { text: `${mark(view, i)}${symbol}`, width: 2, tone },
            {
              text: `${one.name} ${one.status}${silent}${why === undefined ? '' : ` · ${why}`}`,
              grow: true,
              tone: tone === 'good' ? 'plain' : tone,
            },
            { text: one.appliedRevision === null ? 'no rules' : `rev ${one.appliedRevision}`, right: true },
          ]}
        />
      );
    }),
  facts: (data, key) => {
    const one = data.instances.find(({ name }) => name === key);
    if (one === undefined) return [];
    const why = data.propagation.stragglers.find((s) => s.instance === key)?.reason;
    return [
      ['instance', `${one.name}, a ${one.process} process`],
      ['status', `${one.status}, last heard ${age(one.silentSeconds)} ago (${one.lastSeenAt})`],
      ['enforces', `revision ${one.appliedRevision ?? 'none'}; the newest is ${data.propagation.revision}`],
      ['behind', one.current ? 'no' : `yes: ${why ?? 'it has not acknowledged it'}`],
      ['rules hash', one.appliedHash ?? 'none'],
    ];
  },
};
