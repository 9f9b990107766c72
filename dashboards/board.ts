import * as grafana from '@grafana/grafana-foundation-sdk/dashboard';
import { METRICS } from '../core/kernel/metric-names.ts';
import { DATASOURCE, type Panel } from './panel.ts';

/** Panels side by side, with their widths; the grid has 24 columns. */
export interface Line {
  readonly height: number;
  readonly panels: readonly (readonly [panel: Panel, width: number])[];
}

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** One dashboard. One file each in `boards/`, named by its id, which is its address in Grafana too. */
export interface Board {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly sections: readonly Section[];
}

const COLUMNS = 24;

/** Where the folder `runbooks/` can be read in a browser. Nobody knows that but the reader, who says it at the top. */
const RUNBOOKS = 'https://git.example.com/tidegate/blob/main/runbooks';

/** The dashboard as Grafana imports it. The same input gives the same output, byte by byte. */
export function toGrafana(board: Board): grafana.Dashboard {
  const builder = new grafana.DashboardBuilder(board.title)
    .uid(`tidegate-${board.id}`)
    .description(board.description)
    .tags(['tidegate'])
    .timezone('browser')
    .time({ from: 'now-30m', to: 'now' })
    .refresh('5s')
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .readonly()
    .variables(variables())
    .annotation(flips());
  const dashboard = builder.build();
  return { ...dashboard, panels: placed(board) };
}

function placed(board: Board): (grafana.Panel | grafana.RowPanel)[] {
  const panels: (grafana.Panel | grafana.RowPanel)[] = [];
  let id = 0;
  let y = 0;
  for (const { title, lines } of board.sections) {
    id += 1;
    panels.push(new grafana.RowBuilder(title).id(id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }).build());
    y += 1;
    for (const { height, panels: inLine } of lines) {
      let x = 0;
      for (const [panel, width] of inLine) {
        id += 1;
        panels.push(panel.build({ id, gridPos: { x, y, w: width, h: height } }));
        x += width;
      }
      if (x !== COLUMNS) throw new Error(`a line of "${title}" is ${x} columns wide; the grid has ${COLUMNS}`);
      y += height;
    }
  }
  return panels;
}

function variables() {
  const chosen = (name: string, label: string, query: string) =>
    new grafana.QueryVariableBuilder(name)
      .label(label)
      .datasource(DATASOURCE)
      .query({ query, refId: 'PrometheusVariableQueryEditor-VariableQuery', qryType: 1 })
      .definition(query)
      .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
      .sort(grafana.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue('.+')
      .current({ selected: true, text: ['All'], value: ['$__all'] });
  return [
    new grafana.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
    chosen('process', 'Process (进程)', 'label_values(up{job=~"tidegate-.+"}, job)').regex('/tidegate-(.+)/'),
    chosen('instance', 'Instance (实例)', 'label_values(up{job=~"tidegate-$process"}, instance)'),
    new grafana.TextBoxVariableBuilder('runbooks')
      .label('Runbooks at (作战手册)')
      .defaultValue(RUNBOOKS)
      .current({ selected: true, text: RUNBOOKS, value: RUNBOOKS }),
  ];
}

/** A mark on every graph where the rules changed: what moved after a flip is seen at a glance. */
function flips() {
  return new grafana.AnnotationQueryBuilder()
    .name('Flips (开关变更)')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('purple')
    .expr(`max(changes(${METRICS.rulesetHead.name}[$__interval])) > 0`)
    .step('10s')
    .titleFormat('The rules changed');
}
