import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { Overview } from '../../control/api/contract.ts';
import { Panel, Row, Toned } from '../components/panel.tsx';
import { age, checkWord, limit, money } from '../words.ts';

/** The panels of the first screen in the order of their keys. */
export const PANELS = ['orders', 'stuck', 'checks', 'instances', 'switches', 'findings', 'repairs'] as const;
export type PanelName = (typeof PANELS)[number];

export interface OverviewScreenProps {
  readonly data: Overview;
  readonly width: number;
  readonly height: number;
  readonly focus: PanelName;
  /** The selected row per panel. */
  readonly cursor: Readonly<Record<PanelName, number>>;
}

/** The states that people on call ask for first, and the way of a good order: shown even when nothing stands there. */
const FIRST = ['P2', 'P5', 'P7', 'F1', 'F2'];
const WAY = ['O0', 'O1', 'O2', 'P7', 'P8', 'F2', 'F4'];

/** What the screen has room for: states where something stands, and those that are always asked for. */
function busyFunnel(data: Overview): Overview['funnel'] {
  return data.funnel.filter((row) => row.count > 0 || WAY.includes(row.state));
}

function busyStuck(data: Overview): Overview['stuck'] {
  const order = (state: string): number => (FIRST.includes(state) ? FIRST.indexOf(state) : FIRST.length);
  return data.stuck
    .filter((row) => row.inState > 0 || row.waitingForPerson > 0 || FIRST.includes(row.state))
    .sort((a, b) => Number(b.stuck > 0) - Number(a.stuck > 0) || order(a.state) - order(b.state));
}

/** How many rows each panel has to offer. */
export function rowCounts(data: Overview): Readonly<Record<PanelName, number>> {
  return {
    orders: busyFunnel(data).length,
    stuck: busyStuck(data).length,
    checks: data.checks.length,
    instances: data.instances.length,
    switches: data.switches.length,
    findings: data.findings.length,
    repairs: data.repairs.length,
  };
}

export function OverviewScreen({ data, width, height, focus, cursor }: OverviewScreenProps) {
  const wide = width >= 120;
  const columnWidth = Math.floor(width / 2);
  const columns: readonly (readonly PanelName[])[] = wide
    ? [
        ['orders', 'checks', 'repairs'],
        ['stuck', 'switches', 'instances', 'findings'],
      ]
    : [
        ['orders', 'checks'],
        ['stuck', 'instances', 'switches'],
      ];
  const counts = rowCounts(data);
  return (
    <Box width={width} height={height}>
      {columns.map((names, i) => {
        const heights = share(
          height,
          names.map((name) => Math.max(1, counts[name]) + 1),
        );
        const columnProps = { width: i === 0 ? columnWidth : width - columnWidth };
        return (
          <Box key={names.join()} flexDirection="column" {...columnProps}>
            {names.map((name, j) => (
              <Panel
                key={name}
                title={TITLES[name]}
                hotkey={String(PANELS.indexOf(name) + 1)}
                width={columnProps.width}
                height={heights[j] ?? 2}
                focused={focus === name}
                rows={ROWS[name](data, focus === name ? cursor[name] : -1)}
                offset={focus === name ? Math.max(0, cursor[name] - (heights[j] ?? 2) + 2) : 0}
                {...noteOf(name, data)}
              />
            ))}
          </Box>
        );
      })}
    </Box>
  );
}

/** Gives each panel what it wants while there is room, and takes from the greediest first when there is not. */
export function share(height: number, wants: readonly number[]): number[] {
  const heights = wants.map((want) => Math.max(2, want));
  const spare = wants.length - 1;
  let total = heights.reduce((a, b) => a + b, 0);
  while (total > height && Math.max(...heights) > 2) {
    const greedy = heights.indexOf(Math.max(...heights));
    heights[greedy] = (heights[greedy] ?? 2) - 1;
    total -= 1;
  }
  // An empty line between panels, as far as there is room.
  for (let i = 0; i < spare && total < height; i += 1, total += 1) heights[i] = (heights[i] ?? 2) + 1;
  return heights;
}

const TITLES: Readonly<Record<PanelName, string>> = {
  orders: 'Orders 订单',
  stuck: 'Stuck 卡单',
  checks: 'Checks 核对',
  instances: 'Instances 实例',
  switches: 'Switches 开关',
  findings: 'Findings 资损',
  repairs: 'Repairs 补偿',
};

function noteOf(name: PanelName, data: Overview): { note?: string } {
  if (name === 'instances')
    return { note: `rev ${data.propagation.revision} on ${data.propagation.applied}/${data.propagation.total}` };
  if (name === 'findings') return { note: `${data.openFindings} open` };
  if (name === 'switches') return { note: 'Enter flips' };
  return {};
}

type RowsOf = (data: Overview, selected: number) => ReactNode[];

const mark = (selected: number, i: number): string => (selected === i ? '›' : ' ');

const orderRows: RowsOf = (data, selected) => {
  const funnel = busyFunnel(data);
  const most = Math.max(1, ...funnel.map((row) => row.count));
  return funnel.map((row, i) => (
    <Row
      key={`${row.machine}-${row.state}`}
      cells={[
        { width: 4, text: `${mark(selected, i)}${row.state}` },
        {
          width: 0,
          text: row.name
            .replace(/^(ORDER|PAYMENT|FULFILMENT|REFUND)_/, '')
            .toLowerCase()
            .replaceAll('_', ' '),
        },
        { width: 6, text: '█'.repeat(Math.round((row.count / most) * 6)) },
        { width: 5, text: String(row.count), right: true },
        { width: 5, text: row.span === 'today' ? 'today' : '' },
      ]}
    />
  ));
};

const stuckRows: RowsOf = (data, selected) =>
  busyStuck(data).map((row, i) => {
    const bad = row.waitingForPerson > 0 || row.stuck > 0;
    const person = row.waitingForPerson > 0 ? ` ☎ ${row.waitingForPerson}` : '';
    return (
      <Row
        key={`${row.machine}-${row.state}`}
        cells={[
          { width: 2, text: `${mark(selected, i)}${bad ? '✘' : '✔'}`, tone: bad ? 'bad' : 'good' },
          { width: 4, text: row.state },
          { width: 0, text: `${row.stuck} stuck of ${row.inState}${person}`, tone: bad ? 'bad' : 'plain' },
          { width: 6, text: row.inState === 0 ? '–' : age(row.oldestSeconds), right: true },
          { width: 5, text: `/ ${limit(row.limitSeconds)}` },
        ]}
      />
    );
  });

const checkRows: RowsOf = (data, selected) =>
  data.checks.map((check, i) => {
    const { symbol, text, tone } = checkWord(check);
    return (
      <Row
        key={check.id}
        cells={[
          { width: 2, text: `${mark(selected, i)}${symbol}`, tone },
          { width: 0, text: `${check.id} · ${text}`, tone: tone === 'good' ? 'plain' : tone },
          { width: 5, text: age(check.ageSeconds), right: true },
        ]}
      />
    );
  });

const instanceRows: RowsOf = (data, selected) =>
  data.instances.map((one, i) => {
    const good = one.status === 'live' && one.current;
    const why = data.propagation.stragglers.find((s) => s.instance === one.name)?.reason;
    return (
      <Row
        key={one.name}
        cells={[
          { width: 2, text: `${mark(selected, i)}${good ? '✔' : '✘'}`, tone: good ? 'good' : 'bad' },
          { width: 0, text: `${one.name} ${one.status}${why === undefined ? '' : ` · ${why}`}` },
          { width: 7, text: one.appliedRevision === null ? '–' : `rev ${one.appliedRevision}`, right: true },
        ]}
      />
    );
  });

const switchRows: RowsOf = (data, selected) =>
  data.switches.map((one, i) => (
    <Box key={one.key}>
      <Text inverse={selected === i} wrap="truncate">
        {`${mark(selected, i)}${one.on ? 'on ' : 'OFF'} `}
      </Text>
      <Toned
        tone={one.on === one.default ? 'plain' : 'unsure'}
      >{`${one.key} · ${one.on === one.default ? 'default' : `by ${one.updatedBy}`}`}</Toned>
    </Box>
  ));

const findingRows: RowsOf = (data, selected) => {
  if (data.findings.length === 0)
    return [
      <Text key="none" dimColor>
        {' none open'}
      </Text>,
    ];
  return data.findings.map((one, i) => (
    <Row
      key={one.id}
      cells={[
        { width: 3, text: `${mark(selected, i)}${one.tier}`, tone: 'bad' },
        { width: 0, text: `${one.check} ${one.detail}` },
        { width: 16, text: money(one.exposure), right: true },
      ]}
    />
  ));
};

const repairRows: RowsOf = (data, selected) =>
  data.repairs.map((one, i) => (
    <Row
      key={one.id}
      cells={[
        { width: 20, text: `${mark(selected, i)}${one.id}` },
        {
          width: 0,
          text: `${one.advanced} advanced, ${one.waiting} waiting${one.toPerson > 0 ? `, ${one.toPerson} to a person` : ''}`,
        },
        { width: 7, text: one.oldestSeconds === 0 ? '' : age(one.oldestSeconds), right: true },
      ]}
    />
  ));

const ROWS: Readonly<Record<PanelName, RowsOf>> = {
  orders: orderRows,
  stuck: stuckRows,
  checks: checkRows,
  instances: instanceRows,
  switches: switchRows,
  findings: findingRows,
  repairs: repairRows,
};
