import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as statPanel from '@grafana/grafana-foundation-sdk/stat';
import * as timelinePanel from '@grafana/grafana-foundation-sdk/statetimeline';
import * as graphPanel from '@grafana/grafana-foundation-sdk/timeseries';

/** The variable at the top of every dashboard: whichever Prometheus the reader has. */
export const DATASOURCE = { type: 'prometheus', uid: '$datasource' } as const;

export interface Query {
  readonly expr: string;
  /** Names a series, with its labels as `{{label}}`. */
  readonly legend: string;
}

export interface PanelSpec {
  /** In English and, where the on-call thinks in it, in Chinese. */
  readonly title: string;
  /** What it shows, when to worry, and what an empty panel means. */
  readonly description: string;
  /** A unit of Grafana's list; `none` for plain numbers. */
  readonly unit: string;
  readonly decimals?: number;
  readonly queries: readonly Query[];
  /** From which value on a colour holds; green below the first. */
  readonly thresholds?: Readonly<Record<number, Colour>>;
  /** What is shown where no value is: never a zero. */
  readonly noValue: string;
  /** Ids of the runbooks that tell what to do. */
  readonly runbooks?: readonly string[];
  /** Values with a meaning of their own, such as -1 unknown. */
  readonly meanings?: Readonly<Record<number, { readonly text: string; readonly colour: Colour }>>;
  /** A runbook's id is the value of this label: each series links to its own. */
  readonly runbookLabel?: string;
}

export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'purple';

export interface Place {
  readonly id: number;
  readonly gridPos: grafana.GridPos;
}

/** A panel that has no place yet. */
export interface Panel {
  readonly title: string;
  build(place: Place): grafana.Panel;
}

/** The setters that all kinds of panels share. The kit generates one class per kind, without a common base. */
interface CommonBuilder {
  id(id: number): unknown;
  title(title: string): unknown;
  description(text: string): unknown;
  datasource(ref: common.DataSourceRef): unknown;
  gridPos(gridPos: grafana.GridPos): unknown;
  unit(unit: string): unknown;
  decimals(decimals: number): unknown;
  noValue(text: string): unknown;
  thresholds(thresholds: Builder<grafana.ThresholdsConfig>): unknown;
  mappings(mappings: grafana.ValueMapping[]): unknown;
  links(links: Builder<grafana.DashboardLink>[]): unknown;
  dataLinks(links: Builder<grafana.DashboardLink>[]): unknown;
  targets(targets: Builder<Dataquery>[]): unknown;
  build(): grafana.Panel;
}

/**
 * One number per series, as it is now. It asks for this moment, not for the last value of the time shown: what died ten
 * minutes ago must read `noValue` instead of its last good news.
 */
export function stat(spec: PanelSpec & { readonly solid?: boolean }): Panel {
  return panel(spec, 'now', () =>
    new statPanel.PanelBuilder()
      .colorMode(spec.solid === true ? common.BigValueColorMode.BackgroundSolid : common.BigValueColorMode.Value)
      .graphMode(common.BigValueGraphMode.None)
      .textMode(common.BigValueTextMode.Auto)
      .orientation(common.VizOrientation.Auto)
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields('')),
  );
}

/** Lines over time. Gaps stay gaps. `steps` for what jumps, `stacked` for parts of a whole. */
export function graph(
  spec: PanelSpec & { readonly steps?: boolean; readonly stacked?: boolean; readonly max?: number },
): Panel {
  return panel(spec, 'range', () => {
    const builder = new graphPanel.PanelBuilder()
      .min(0)
      .lineWidth(1)
      .fillOpacity(spec.stacked === true ? 40 : 10)
      .spanNulls(false)
      .showPoints(common.VisibilityMode.Auto)
      .lineInterpolation(spec.steps === true ? common.LineInterpolation.StepAfter : common.LineInterpolation.Linear)
      .colorScheme(new grafana.FieldColorBuilder().mode(grafana.FieldColorModeId.PaletteClassicByName))
      .tooltip(
        new common.VizTooltipOptionsBuilder()
          .mode(common.TooltipDisplayMode.Multi)
          .sort(common.SortOrder.Descending)
          .hideZeros(true),
      )
      .legend(
        new common.VizLegendOptionsBuilder()
          .displayMode(common.LegendDisplayMode.Table)
          .placement(common.LegendPlacement.Bottom)
          .showLegend(true)
          .calcs(['lastNotNull', 'max'])
          .sortBy('Max')
          .sortDesc(true),
      );
    if (spec.max !== undefined) builder.max(spec.max);
    if (spec.stacked === true) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
    if (spec.thresholds !== undefined) {
      builder.thresholdsStyle(
        new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
      );
    }
    return builder;
  });
}

/** One band per series, coloured by what its value means. */
export function timeline(spec: PanelSpec): Panel {
  return panel(spec, 'range', () =>
    new timelinePanel.PanelBuilder()
      .mergeValues(true)
      .showValue(common.VisibilityMode.Auto)
      .rowHeight(0.85)
      .fillOpacity(80)
      .lineWidth(0)
      .legend(
        new common.VizLegendOptionsBuilder()
          .displayMode(common.LegendDisplayMode.List)
          .placement(common.LegendPlacement.Bottom)
          .showLegend(true)
          .calcs([]),
      ),
  );
}

function panel(spec: PanelSpec, when: 'now' | 'range', make: () => CommonBuilder): Panel {
  return {
    title: spec.title,
    build: ({ id, gridPos }) => {
      const builder = make();
      builder.id(id);
      builder.title(spec.title);
      builder.description([spec.description, ...(spec.runbooks ?? []).map(told)].join(' '));
      builder.datasource(DATASOURCE);
      builder.gridPos(gridPos);
      builder.unit(spec.unit);
      if (spec.decimals !== undefined) builder.decimals(spec.decimals);
      builder.noValue(spec.noValue);
      builder.thresholds(thresholdsOf(spec));
      if (spec.meanings !== undefined) builder.mappings([meaningsOf(spec.meanings)]);
      if (spec.runbooks !== undefined) builder.links(spec.runbooks.map((id) => runbookLink(`Runbook: ${id}`, id)));
      if (spec.runbookLabel !== undefined) {
        builder.dataLinks([runbookLink('Runbook', `\${__field.labels.${spec.runbookLabel}}`)]);
      }
      builder.targets(spec.queries.map((query, i) => targetOf(query, i, when)));
      return builder.build();
    },
  };
}

function targetOf({ expr, legend }: Query, i: number, when: 'now' | 'range'): Builder<Dataquery> {
  const query = new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(String.fromCharCode('A'.charCodeAt(0) + i))
    .expr(expr)
    .legendFormat(legend);
  return when === 'now' ? query.instant() : query.range();
}

function thresholdsOf({ thresholds = {} }: PanelSpec): Builder<grafana.ThresholdsConfig> {
  const steps = Object.entries(thresholds)
    .map(([value, color]) => ({ value: Number(value), color }))
    .sort((a, b) => a.value - b.value);
  return new grafana.ThresholdsConfigBuilder()
    .mode(grafana.ThresholdsMode.Absolute)
    .steps([{ value: null, color: 'green' }, ...steps]);
}

function meaningsOf(meanings: NonNullable<PanelSpec['meanings']>): grafana.ValueMapping {
  const options = Object.entries(meanings).map(([value, { text, colour }], index) => [
    value,
    { text, color: colour, index },
  ]);
  return { type: grafana.MappingType.ValueToText, options: Object.fromEntries(options) };
}

/** For who reads the repository instead: the file is the id. */
function told(id: string): string {
  return `Runbook: runbooks/${id}.md.`;
}

/** Runbooks are found by id below the address that the reader's variable names. */
function runbookLink(title: string, id: string): Builder<grafana.DashboardLink> {
  return new grafana.DashboardLinkBuilder(title)
    .type(grafana.DashboardLinkType.Link)
    .url(`\${runbooks:raw}/${id}.md`)
    .targetBlank(true);
}
