import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricKey } from './metric-names.ts';

type KeysOf<Kind extends MetricDefinition['kind']> = {
  [K in MetricKey]: (typeof METRICS)[K]['kind'] extends Kind ? K : never;
}[MetricKey];

export type LabelsOf<K extends MetricKey> = { readonly [L in (typeof METRICS)[K]['labels'][number]]: string };

export interface CounterSeries {
  inc(by?: number): void;
}
export interface GaugeSeries {
  set(value: number): void;
}
export interface HistogramSeries {
  observe(value: number): void;
}

/**
 * The metrics of one process. `counter('repair', {state, outcome}).inc()`; a series may be kept by hot code, so that it
 * pays one addition and no look-up. Metrics appear in the registry with their first use.
 */
export interface Metrics {
  /** The value of the `process` label of the HTTP metrics. */
  readonly processName: string;
  readonly registry: Registry;
  counter<K extends KeysOf<'counter'>>(key: K, labels: LabelsOf<K>): CounterSeries;
  gauge<K extends KeysOf<'gauge'>>(key: K, labels: LabelsOf<K>): GaugeSeries;
  histogram<K extends KeysOf<'histogram'>>(key: K, labels: LabelsOf<K>): HistogramSeries;
  /** Forgets all series of a gauge, before it is filled anew from a query. */
  clear(key: KeysOf<'gauge'>): void;
}

/** Gauges that prom-client names `_total`, which `promtool check metrics` refuses. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];
const DEFAULT_MAX_SERIES = 1000;

export function createMetrics(processName: string): Metrics & Disposable {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  return new LazyMetrics(processName, registry);
}

/** One metric with its series by label values. */
class Family<Series> {
  readonly #series = new Map<string, Series>();
  readonly #definition: MetricDefinition;
  readonly #make: (values: Record<string, string>) => Series;

  constructor(definition: MetricDefinition, make: (values: Record<string, string>) => Series) {
    this.#definition = definition;
    this.#make = make;
  }

  get(labels: Readonly<Record<string, string>>): Series {
    let key = '';
    for (const label of this.#definition.labels) key += `${labels[label] ?? ''}\0`;
    return this.#series.get(key) ?? this.#add(key, labels);
  }

  #add(key: string, labels: Readonly<Record<string, string>>): Series {
    const { labels: names, open, maxSeries = DEFAULT_MAX_SERIES } = this.#definition;
    const full = this.#series.size >= maxSeries;
    const values: Record<string, string> = {};
    // Past the bound every value from data becomes `other`; without declared open labels, all of them do.
    for (const name of names) values[name] = full && (open ?? names).includes(name) ? 'other' : (labels[name] ?? '');
    const folded = full ? `other\0${names.map((name) => values[name]).join('\0')}` : key;
    const known = this.#series.get(folded);
    if (known !== undefined) return known;
    const series = this.#make(values);
    this.#series.set(folded, series);
    return series;
  }

  clear(): void {
    this.#series.clear();
  }
}

class LazyMetrics implements Metrics, Disposable {
  readonly processName: string;
  readonly registry: Registry;
  readonly #counters = new Map<MetricKey, Family<CounterSeries>>();
  readonly #gauges = new Map<MetricKey, { family: Family<GaugeSeries>; metric: Gauge }>();
  readonly #histograms = new Map<MetricKey, Family<HistogramSeries>>();

  constructor(processName: string, registry: Registry) {
    this.processName = processName;
    this.registry = registry;
  }

  counter<K extends KeysOf<'counter'>>(key: K, labels: LabelsOf<K>): CounterSeries {
    let family = this.#counters.get(key);
    if (family === undefined) {
      const metric = new Counter(this.#configuration(key));
      family = new Family<CounterSeries>(METRICS[key], (values) => metric.labels(values));
      this.#counters.set(key, family);
    }
    return family.get(labels);
  }

  gauge<K extends KeysOf<'gauge'>>(key: K, labels: LabelsOf<K>): GaugeSeries {
    return this.#gauge(key).family.get(labels);
  }

  histogram<K extends KeysOf<'histogram'>>(key: K, labels: LabelsOf<K>): HistogramSeries {
    let family = this.#histograms.get(key);
    if (family === undefined) {
      const definition: MetricDefinition = METRICS[key];
      const metric = new Histogram({ ...this.#configuration(key), buckets: [...(definition.buckets ?? [])] });
      family = new Family<HistogramSeries>(definition, (values) => metric.labels(values));
      this.#histograms.set(key, family);
    }
    return family.get(labels);
  }

  clear(key: KeysOf<'gauge'>): void {
    const { family, metric } = this.#gauge(key);
    family.clear();
    metric.reset();
  }

  #gauge(key: KeysOf<'gauge'>): { family: Family<GaugeSeries>; metric: Gauge } {
    const known = this.#gauges.get(key);
    if (known !== undefined) return known;
    const metric = new Gauge(this.#configuration(key));
    const made = { metric, family: new Family<GaugeSeries>(METRICS[key], (values) => metric.labels(values)) };
    this.#gauges.set(key, made);
    return made;
  }

  #configuration(key: MetricKey): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    const { name, help, labels } = METRICS[key];
    return { name, help, labelNames: [...labels], registers: [this.registry] };
  }

  [Symbol.dispose](): void {
    this.registry.clear();
  }
}
