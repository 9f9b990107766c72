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

/** Puts down what one series of a gauge is now. */
export type Fill<K extends KeysOf<'gauge'>> = (labels: LabelsOf<K>, value: number) => void;

/**
 * The metrics of one process. `counter('repair', {state, outcome}).inc()`; a series may be kept by hot code, so that it
 * pays one addition and no look-up. Metrics appear in the registry with their first use, and a counter begins at 0 when
 * it is asked for: a series that is born with its first event hides that event from every rate.
 */
export interface Metrics {
  /** The value of the `process` label of the HTTP metrics. */
  readonly processName: string;
  readonly registry: Registry;
  counter<K extends KeysOf<'counter'>>(key: K, labels: LabelsOf<K>): CounterSeries;
  gauge<K extends KeysOf<'gauge'>>(key: K, labels: LabelsOf<K>): GaugeSeries;
  histogram<K extends KeysOf<'histogram'>>(key: K, labels: LabelsOf<K>): HistogramSeries;
  /**
   * Asks `fill` at every scrape, from memory and without waiting, what a gauge is. What it does not put down is not told:
   * a reading that has grown old can be left out instead of being repeated. Several parts may fill one gauge.
   */
  atScrape<K extends KeysOf<'gauge'>>(key: K, fill: (put: Fill<K>) => void): void;
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

interface GaugeFamily {
  readonly family: Family<GaugeSeries>;
  readonly fillers: ((put: (labels: Readonly<Record<string, string>>, value: number) => void) => void)[];
}

class LazyMetrics implements Metrics, Disposable {
  readonly processName: string;
  readonly registry: Registry;
  readonly #counters = new Map<MetricKey, Family<CounterSeries>>();
  readonly #gauges = new Map<MetricKey, GaugeFamily>();
  readonly #histograms = new Map<MetricKey, Family<HistogramSeries>>();

  constructor(processName: string, registry: Registry) {
    this.processName = processName;
    this.registry = registry;
  }

  counter<K extends KeysOf<'counter'>>(key: K, labels: LabelsOf<K>): CounterSeries {
    let family = this.#counters.get(key);
    if (family === undefined) {
      const metric = new Counter(this.#configuration(key));
      family = new Family<CounterSeries>(METRICS[key], (values) => {
        const series = metric.labels(values);
        series.inc(0);
        return series;
      });
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

  atScrape<K extends KeysOf<'gauge'>>(key: K, fill: (put: Fill<K>) => void): void {
    this.#gauge(key).fillers.push(fill);
  }

  #gauge(key: KeysOf<'gauge'>): GaugeFamily {
    const known = this.#gauges.get(key);
    if (known !== undefined) return known;
    const fillers: GaugeFamily['fillers'] = [];
    const collect = (): void => {
      if (fillers.length === 0) return;
      family.clear();
      metric.reset();
      // A gauge without labels is born as 0, which nobody has said.
      if (METRICS[key].labels.length === 0) metric.remove({});
      for (const fill of fillers) fill((labels, value) => family.get(labels).set(value));
    };
    const metric = new Gauge({ ...this.#configuration(key), collect });
    const family = new Family<GaugeSeries>(METRICS[key], (values) => metric.labels(values));
    const made: GaugeFamily = { family, fillers };
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
