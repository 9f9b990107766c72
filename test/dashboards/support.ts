import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');
export const DASHBOARDS = join(ROOT, 'dashboards');

export interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly refId: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly datasource: { readonly type: string; readonly uid: string };
}

export interface Link {
  readonly url: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
  readonly links?: readonly Link[];
  readonly options?: { readonly legend?: { readonly showLegend: boolean } };
  readonly fieldConfig: {
    readonly defaults: { readonly unit: string; readonly noValue: string; readonly links?: readonly Link[] };
  };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

/** The committed JSON of every dashboard: what people import, not what the sources would make of it. */
export async function committed(): Promise<readonly (readonly [id: string, dashboard: Dashboard])[]> {
  const folder = join(DASHBOARDS, 'grafana');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (file) => {
      const dashboard: Dashboard = JSON.parse(await readFile(join(folder, file), 'utf8'));
      return [file.slice(0, -'.json'.length), dashboard] as const;
    }),
  );
}

/** The panels that show something: all but the headings. */
export function panelsOf(dashboard: Dashboard): readonly Panel[] {
  return dashboard.panels.filter(({ type }) => type !== 'row');
}

export interface NamedQuery {
  readonly panel: string;
  readonly expr: string;
  readonly instant: boolean;
}

/** Every query of a dashboard, those of its annotations too. */
export function queriesOf(dashboard: Dashboard): readonly NamedQuery[] {
  const panels = panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, instant, legendFormat }) => ({
      panel: `${title}: ${legendFormat}`,
      expr,
      instant: instant === true,
    })),
  );
  const marks = dashboard.annotations.list.map(({ expr }) => ({ panel: 'annotation', expr, instant: false }));
  return [...panels, ...marks];
}
