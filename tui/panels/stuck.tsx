import type { Overview, RepairStatus, StuckState } from '../../control/api/contract.ts';
import { Row } from '../components/panel.tsx';
import { age, figure, limit, type Sign, sign, stateLabel } from '../words.ts';
import { mark, type PanelSpec, type PanelView } from './panel-spec.ts';

/** The states that people on call ask for first: shown even when nothing stands there. */
const FIRST = ['P2', 'P5', 'P7', 'F1', 'F2'];

/** What needs a look stands on top, then the states that are asked for first. */
function busy(data: Overview): readonly StuckState[] {
  const place = (state: string): number => (FIRST.includes(state) ? FIRST.indexOf(state) : FIRST.length);
  const urgent = (row: StuckState): number => (row.stuck > 0 ? 2 : row.waitingForPerson > 0 ? 1 : 0);
  return data.stuck
    .filter((row) => row.inState > 0 || row.waitingForPerson > 0 || FIRST.includes(row.state))
    .sort((a, b) => urgent(b) - urgent(a) || place(a.state) - place(b.state));
}

const keyOf = ({ machine, state }: StuckState): string => `${machine} ${state}`;

function signOf(row: StuckState, stale: boolean): Sign {
  if (row.stuck === 0 && row.waitingForPerson > 0) return { symbol: '!', tone: 'unsure' };
  return sign(row.stuck === 0, stale);
}

function cellsOf(view: PanelView, row: StuckState, i: number) {
  const { symbol, tone } = signOf(row, view.stale);
  const loud = tone === 'good' ? 'plain' : tone;
  const person = row.waitingForPerson > 0 ? `${figure(row.waitingForPerson)}人 ` : '';
  return [
    { text: `${mark(view, i)}${symbol}`, width: 2, tone },
    { text: stateLabel(row), grow: true as const, tone: loud },
    { text: `${person}${figure(row.stuck)}/${figure(row.inState)}`, right: true as const, tone: loud },
    {
      text: `${row.inState === 0 ? '–' : age(row.oldestSeconds)}/${limit(row.limitSeconds)}`,
      width: 10,
      right: true as const,
    },
  ];
}

/** What stands in a state for longer than the state allows. */
export const stuck: PanelSpec = {
  title: 'Stuck 卡单',
  note: () => 'stuck/all age/limit',
  keys: (data) => busy(data).map(keyOf),
  rows: (view) => busy(view.data).map((row, i) => <Row key={keyOf(row)} cells={cellsOf(view, row, i)} />),
  facts: (data, key) => {
    const row = busy(data).find((one) => keyOf(one) === key);
    if (row === undefined) return [];
    return [
      ['state', `${row.state} ${row.name} of the machine ${row.machine}`],
      ['stuck', `${row.stuck} of ${row.inState} that stand there, longer than ${limit(row.limitSeconds)}`],
      ['oldest', row.inState === 0 ? 'none' : `${age(row.oldestSeconds)} in this state`],
      ['person 人', row.waitingForPerson === 0 ? 'none waits for one' : `${row.waitingForPerson} wait for a person`],
      ...repairsOf(data, row).map((repair) => ['repair 补偿', repairText(repair, data)] as const),
    ];
  },
};

function repairsOf(data: Overview, { machine, state }: StuckState): readonly RepairStatus[] {
  return data.repairs.filter((repair) => repair.machine === machine && repair.states.includes(state));
}

function repairText(repair: RepairStatus, data: Overview): string {
  const ran =
    repair.lastRunAt === null
      ? 'it has not run'
      : `ran ${age((Date.parse(data.at) - Date.parse(repair.lastRunAt)) / 1000)} ago`;
  return `${repair.id} (${repair.title}): ${ran}, ${repair.advanced} advanced, ${repair.waiting} waiting`;
}
