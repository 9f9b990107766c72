import type { Overview, StateCount } from '../../control/api/contract.ts';
import { Row } from '../components/panel.tsx';
import { figure, stateLabel } from '../words.ts';
import { mark, type PanelSpec, WIDE } from './panel-spec.ts';

/** The way of a good order: shown even when nothing stands there. */
const WAY = ['O0', 'O1', 'O2', 'P7', 'P8', 'F2', 'F4'];

function busy(data: Overview): readonly StateCount[] {
  return data.funnel.filter((row) => row.count > 0 || WAY.includes(row.state));
}

const keyOf = ({ machine, state }: StateCount): string => `${machine} ${state}`;

/** The order funnel: how many stand in each state, and how many came to each end today. */
export const orders: PanelSpec = {
  title: 'Orders 订单',
  note: () => 'now, ends today',
  keys: (data) => busy(data).map(keyOf),
  rows: (view) => {
    const funnel = busy(view.data);
    const most = Math.max(1, ...funnel.map((row) => row.count));
    const bar = view.width < WIDE ? 6 : 30;
    return funnel.map((row, i) => (
      <Row
        key={keyOf(row)}
        cells={[
          { text: `${mark(view, i)}${stateLabel(row)}`, grow: true },
          { text: '█'.repeat(row.count === 0 ? 0 : Math.max(1, Math.round((row.count / most) * bar))), width: bar },
          { text: figure(row.count), width: 5, right: true },
          { text: row.span === 'today' ? 'today' : '', width: 5 },
        ]}
      />
    ));
  },
  facts: (data, key) => {
    const row = busy(data).find((one) => keyOf(one) === key);
    if (row === undefined) return [];
    return [
      ['state', `${row.state} ${row.name} of the machine ${row.machine}`],
      ['count', `${row.count} ${row.span === 'today' ? 'came there today (UTC)' : 'stand there now'}`],
    ];
  },
};
