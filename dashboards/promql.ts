import { METRICS, type MetricDefinition, type MetricKey } from '../core/kernel/metric-names.ts';

/**
 * PromQL in pieces that only know metrics and labels that exist. What a query means stays readable in its panel; this
 * file holds how selectors are spelled and how money of several currencies becomes one query.
 */

/** Windows that Grafana fits to the zoom and the scrape interval, and to the whole time shown. */
export const RATE = '$__rate_interval';
export const RANGE = '$__range';

export type Matcher = `${'=' | '!=' | '=~' | '!~'}"${string}"`;

export function is(value: string): Matcher {
  return `="${value}"`;
}

export function isNot(value: string): Matcher {
  return `!="${value}"`;
}

export function oneOf(...values: string[]): Matcher {
  return `=~"${values.join('|')}"`;
}

export function noneOf(...values: string[]): Matcher {
  return `!~"${values.join('|')}"`;
}

/** `job` and `instance` are the scrape's; the others are the metric's own. */
type LabelOf<K extends MetricKey> = (typeof METRICS)[K]['labels'][number] | 'job' | 'instance';
export type Where<K extends MetricKey> = { readonly [L in LabelOf<K>]?: Matcher };

type KeysOf<Kind extends MetricDefinition['kind']> = {
  [K in MetricKey]: (typeof METRICS)[K]['kind'] extends Kind ? K : never;
}[MetricKey];
export type HistogramKey = KeysOf<'histogram'>;

/** What the variables at the top of a dashboard choose. Jobs are named `tidegate-<process>` by the scrape configuration. */
export const SHOWN = { job: '=~"tidegate-$process"', instance: '=~"$instance"' } as const satisfies Record<
  string,
  Matcher
>;

/** A counter or a gauge. */
export function series<K extends KeysOf<'counter' | 'gauge'>>(key: K, where: Where<K> = {}): string {
  return METRICS[key].name + selector(where);
}

/** How often a histogram was observed. */
export function observations<K extends HistogramKey>(key: K, where: Where<K> = {}): string {
  return `${METRICS[key].name}_count${selector(where)}`;
}

/** The observations of a histogram by their upper bounds, for `quantile`. */
export function buckets<K extends HistogramKey>(key: K, where: Where<K> = {}): string {
  return `${METRICS[key].name}_bucket${selector(where)}`;
}

/** What Prometheus says of a scrape, and Node of its process: names that others gave. */
export const RUNTIME = [
  'up',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_eventloop_lag_p99_seconds',
] as const;

export function runtime(name: (typeof RUNTIME)[number]): string {
  return name + selector(SHOWN);
}

function selector(where: Readonly<Record<string, Matcher | undefined>>): string {
  const matchers = Object.entries(where).map(([label, matcher]) => `${label}${matcher ?? ''}`);
  return matchers.length === 0 ? '' : `{${matchers.join(', ')}}`;
}

export function rate(counter: string, window = RATE): string {
  return `rate(${counter}[${window}])`;
}

export function increase(counter: string, window = RANGE): string {
  return `increase(${counter}[${window}])`;
}

/** Counted by each process for itself: the whole is the sum. */
export function sumBy(labels: readonly string[], expr: string): string {
  return aggregated('sum', labels, expr);
}

/** Facts of the whole system that every replica tells: the newest bad news counts, once. */
export function maxBy(labels: readonly string[], expr: string): string {
  return aggregated('max', labels, expr);
}

/** Lags that every replica tells: the one that knows most is right. */
export function minBy(labels: readonly string[], expr: string): string {
  return aggregated('min', labels, expr);
}

function aggregated(operator: string, labels: readonly string[], expr: string): string {
  return labels.length === 0 ? `${operator}(${expr})` : `${operator} by (${labels.join(', ')}) (${expr})`;
}

export function quantile(q: number, labels: readonly string[], rates: string): string {
  return `histogram_quantile(${q}, ${sumBy(['le', ...labels], rates)})`;
}

/** A part of a whole as a ratio: 0 where the part has no series yet, nothing where the whole is nothing. */
export function share(part: string, whole: string): string {
  return `(${part} or 0 * ${whole}) / (${whole} > 0)`;
}

/** Currencies whose minor unit is not a hundredth. Held against the kernel's table by a test. */
export const WHOLE_UNITS = ['CLP', 'JPY', 'KRW', 'PTS', 'VND'];
export const THOUSANDTHS = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'];

/**
 * Minor units as whole units per currency: `15800` CNY → `158`. Currencies with nothing are left out; with nothing in
 * any, one zero named `none` is left, because an empty panel means that nobody knows.
 */
export function money(
  key: 'exposure' | 'gmv',
  operator: 'sum' | 'max',
  of: (counter: string) => string = (it) => it,
): string {
  const per = (where: Matcher): string => aggregated(operator, ['currency'], of(series(key, { currency: where })));
  const units = [
    `${per(noneOf(...WHOLE_UNITS, ...THOUSANDTHS))} / 100`,
    per(oneOf(...WHOLE_UNITS)),
    `${per(oneOf(...THOUSANDTHS))} / 1000`,
  ];
  const nothing = `${aggregated(operator, [], of(series(key)))} == 0`;
  return `(${units.join(' or ')}) > 0 or label_replace(${nothing}, "currency", "none", "", "")`;
}
