import { describe, expect, it } from 'vitest';
import { METRICS, type MetricDefinition } from '../../core/kernel/metric-names.ts';
import { orderMachine } from '../../core/orders/orders.machine.ts';
import { paymentMachine } from '../../core/payments/payments.machine.ts';
import { RUNTIME } from '../../dashboards/promql.ts';
import { committed, queriesOf } from './support.ts';

const definitions: readonly MetricDefinition[] = Object.values(METRICS);

/** Every series that a scrape can bring, with the labels it has. */
const LABELS = new Map<string, ReadonlySet<string>>();
for (const { name, kind, labels } of definitions) {
  const own = ['job', 'instance', ...labels];
  if (kind !== 'histogram') LABELS.set(name, new Set(own));
  else {
    for (const suffix of ['_count', '_sum']) LABELS.set(name + suffix, new Set(own));
    LABELS.set(`${name}_bucket`, new Set([...own, 'le']));
  }
}
for (const name of RUNTIME) LABELS.set(name, new Set(['job', 'instance']));

const WORDS = new Set([
  ...['sum', 'max', 'min', 'rate', 'increase', 'changes', 'histogram_quantile', 'label_replace', 'vector'],
  ...['by', 'on', 'or', 'group_left', 'bool'],
]);

/** What a query names: its series with the labels they are matched by, and the labels it groups by. */
function namesIn(expr: string): { series: { name: string; labels: string[] }[]; groups: string[]; others: string[] } {
  const groups = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
  const bare = expr
    .replace(/\bby \([^)]*\)/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/,? "[^"]*"/g, ' ');
  const series = [...bare.matchAll(/\b([a-z][a-z0-9_]*_[a-z0-9_]+|up)(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => !WORDS.has(name))
    .map(([, name = '', matchers = '']) => ({
      name,
      labels: [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }));
  const words = bare.replace(/\{[^}]*\}/g, ' ').match(/[a-z_]\w*/g) ?? [];
  return { series, groups, others: words.filter((word) => !WORDS.has(word) && !LABELS.has(word)) };
}

describe('the reader of queries', () => {
  it('sees a name and a label that do not exist', () => {
    const made = 'sum by (colour) (rate(tidegate_no_such_total{shape="round"}[5m])) or up{job="a"}';
    expect(namesIn(made)).toEqual({
      series: [
        { name: 'tidegate_no_such_total', labels: ['shape'] },
        { name: 'up', labels: ['job'] },
      ],
      groups: ['colour'],
      others: ['tidegate_no_such_total'],
    });
  });
});

describe.each(await committed())('the queries of %s', (_id, dashboard) => {
  it.each(queriesOf(dashboard).map(({ panel, expr }) => [panel, expr] as const))(
    '%s name metrics, labels and states that exist',
    (_panel, expr) => {
      const { series, groups, others } = namesIn(expr);
      expect(others).toEqual([]);
      expect(series.length).toBeGreaterThan(0);
      for (const { name, labels } of series) {
        const known = LABELS.get(name) ?? new Set();
        expect(
          labels.filter((label) => !known.has(label)),
          name,
        ).toEqual([]);
        expect(
          groups.filter((label) => !known.has(label) && series.length === 1),
          name,
        ).toEqual([]);
      }
      const anywhere = new Set(series.flatMap(({ name }) => [...(LABELS.get(name) ?? [])]));
      expect(groups.filter((label) => !anywhere.has(label))).toEqual([]);
      const states = new Set([...Object.keys(paymentMachine.states), ...Object.keys(orderMachine.states)]);
      const named = [...expr.matchAll(/\bstate=~?"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|'));
      const pools = new Set(['busy', 'idle']);
      expect(named.filter((state) => !states.has(state) && !pools.has(state))).toEqual([]);
    },
  );
});
