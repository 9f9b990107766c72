import { Box } from 'ink';
import type { Overview } from '../../control/api/contract.ts';
import { Panel } from '../components/panel.tsx';
import { checks } from '../panels/checks.tsx';
import { findings } from '../panels/findings.tsx';
import { instances } from '../panels/instances.tsx';
import { orders } from '../panels/orders.tsx';
import type { PanelSpec } from '../panels/panel-spec.ts';
import { repairs } from '../panels/repairs.tsx';
import { stuck } from '../panels/stuck.tsx';
import { switches } from '../panels/switches.tsx';

/** The panels of the first screen in the order of their keys. */
const SPECS = { orders, checks, stuck, findings, switches, instances, repairs } satisfies Record<string, PanelSpec>;
export type PanelName = keyof typeof SPECS;
export const PANELS: Readonly<Record<PanelName, PanelSpec>> = SPECS;
export const PANEL_NAMES = Object.keys(SPECS) as readonly PanelName[];

type Columns = readonly (readonly PanelName[])[];

/** The most urgent stands on top. What has no place at 80 columns is shown alone when its key is pressed. */
const NARROW: Columns = [
  ['orders', 'checks'],
  ['stuck', 'findings', 'switches', 'instances'],
];
const BROAD: Columns = [
  ['orders', 'checks', 'repairs'],
  ['stuck', 'findings', 'switches', 'instances'],
];
const BROAD_COLUMNS = 120;

function columnsAt(width: number): Columns {
  return width >= BROAD_COLUMNS ? BROAD : NARROW;
}

export function isAlone(focus: PanelName, zoomed: boolean, width: number): boolean {
  return zoomed || !columnsAt(width).flat().includes(focus);
}

export interface OverviewScreenProps {
  readonly data: Overview;
  readonly stale: boolean;
  readonly width: number;
  readonly height: number;
  readonly focus: PanelName;
  /** The selected row of the panel that has the focus. */
  readonly selected: number;
  /** The panel that has the focus fills the screen. */
  readonly zoomed: boolean;
}

export function OverviewScreen(props: OverviewScreenProps) {
  const { width, height, focus, zoomed } = props;
  if (isAlone(focus, zoomed, width)) return <Placed name={focus} {...props} width={width} height={height} />;
  const columns = columnsAt(width);
  const columnWidth = Math.floor(width / 2);
  return (
    <Box width={width} height={height}>
      {columns.map((names, i) => {
        const heights = share(
          height,
          names.map((name) => Math.max(1, PANELS[name].keys(props.data).length) + 1),
        );
        const w = i === 0 ? columnWidth : width - columnWidth;
        return (
          <Box key={names.join()} flexDirection="column" width={w}>
            {names.map((name, j) => (
              <Placed key={name} {...props} name={name} width={w} height={heights[j] ?? 2} />
            ))}
          </Box>
        );
      })}
    </Box>
  );
}

function Placed({
  name,
  data,
  stale,
  width,
  height,
  focus,
  selected,
}: OverviewScreenProps & { readonly name: PanelName }) {
  const spec = PANELS[name];
  const focused = focus === name;
  const view = { data, stale, width: width - 1, selected: focused ? selected : -1 };
  return (
    <Panel
      title={spec.title}
      hotkey={String(PANEL_NAMES.indexOf(name) + 1)}
      note={spec.note(view)}
      width={width}
      height={height}
      focused={focused}
      rows={spec.rows(view)}
      selected={view.selected}
    />
  );
}

/** Gives each panel what it wants while there is room, and takes from the greediest first when there is not. */
export function share(height: number, wants: readonly number[]): number[] {
  const heights = wants.map((want) => Math.max(2, want));
  let total = heights.reduce((a, b) => a + b, 0);
  while (total > height && Math.max(...heights) > 2) {
    const greedy = heights.indexOf(Math.max(...heights));
    heights[greedy] = (heights[greedy] ?? 2) - 1;
    total -= 1;
  }
  // An empty line between panels, as far as there is room.
  for (let i = 0; i < wants.length - 1 && total < height; i += 1, total += 1) heights[i] = (heights[i] ?? 2) + 1;
  return heights;
}
