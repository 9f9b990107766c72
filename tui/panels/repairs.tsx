import { Row } from '../components/panel.tsx';
import { age, ageAt, figure } from '../words.ts';
import { mark, type PanelSpec } from './panel-spec.ts';

/** What brings stuck states forward, and how far each got in its last run. */
export const repairs: PanelSpec = {
  title: 'Repairs 补偿',
  note: () => 'last run: advanced, waiting, oldest',
  keys: (data) => data.repairs.map(({ id }) => id),
  rows: (view) =>
    view.data.repairs.map((one, i) => {
      const person = one.toPerson > 0 ? ` · ${figure(one.toPerson)} to a person 人` : '';
      return (
        <Row
          key={one.id}
          cells={[
            { text: `${mark(view, i)}${one.toPerson > 0 ? '!' : ' '}`, width: 2, tone: 'unsure' },
            { text: one.id, width: 20 },
            { text: `${ageAt(one.lastRunAt, view.data)}${one.lastRunAt === null ? '' : ' ago'}${person}`, grow: true },
            { text: figure(one.advanced), width: 5, right: true },
            { text: figure(one.waiting), width: 5, right: true },
            { text: one.oldestSeconds === 0 ? '–' : age(one.oldestSeconds), width: 6, right: true },
          ]}
        />
      );
    }),
  facts: (data, key) => {
    const one = data.repairs.find(({ id }) => id === key);
    if (one === undefined) return [];
    return [
      ['repair', `${one.id} · ${one.title}`],
      ['looks at', `${one.states.join(', ')} of the machine ${one.machine}`],
      [
        'last run',
        one.lastRunAt === null ? 'never' : `${ageAt(one.lastRunAt, data)} ago by ${one.replica ?? 'nobody'}`,
      ],
      ['it did', `scanned ${one.scanned}, advanced ${one.advanced} in ${Math.round(one.durationMs)} ms`],
      ['waiting', `${one.waiting} for their time, ${one.toPerson} for a person`],
      ['oldest', one.oldestSeconds === 0 ? 'none' : age(one.oldestSeconds)],
      ...one.byReplica.map(
        (r) => [r.replica, `scanned ${r.scanned}, advanced ${r.advanced} in the kept runs`] as const,
      ),
    ];
  },
};
