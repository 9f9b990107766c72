import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadSwitches } from '../../core/guard/declarations.ts';
import { Evaluator } from '../../core/guard/evaluator.ts';
import { refusalOf } from '../../core/guard/refusal.ts';
import { applyChange, hashRules, type Rule } from '../../core/guard/rules.ts';
import { createMetrics } from '../../core/kernel/metrics.ts';
import { COUPONS, ENTRY, switchRule } from './support.ts';

describe('rules', () => {
  const rule = fc.record({
    kind: fc.constantFrom('switch', 'limit'),
    key: fc.stringMatching(/^[a-z]{1,3}$/),
    body: fc.dictionary(fc.string(), fc.jsonValue()),
  });
  const ruleSet = fc.uniqueArray(rule, { selector: (r) => `${r.kind} ${r.key}`, maxLength: 12 });

  it('hash the same in any order, and differently once a body differs', () => {
    fc.assert(
      fc.property(ruleSet, (rules) => {
        expect(hashRules([...rules].reverse())).toBe(hashRules(rules));
        const [first, ...others] = rules;
        if (first === undefined) return;
        const other: Rule = { ...first, body: { ...first.body, '\u0001': 1 } };
        expect(hashRules([other, ...others])).not.toBe(hashRules(rules));
      }),
    );
  });

  it('come out of a change as if the set had been written whole', () => {
    fc.assert(
      fc.property(ruleSet, ruleSet, (before, after) => {
        const named = (r: Rule): string => `${r.kind} ${r.key}`;
        const kept = new Set(after.map(named));
        const removed = before.filter((r) => !kept.has(named(r)));
        expect(hashRules(applyChange(before, after, removed))).toBe(hashRules(after));
      }),
    );
  });
});

describe('the evaluator', () => {
  const made = (rules: readonly Rule[]) => {
    const metrics = createMetrics('test');
    return { evaluator: new Evaluator([ENTRY, COUPONS], rules, metrics), metrics };
  };

  it('holds the defaults without rules, and counts refusals from 0', async () => {
    const { evaluator, metrics } = made([]);
    expect(evaluator.enter('order.create').allowed).toBe(true);
    expect(evaluator.isOn('marketing.coupons')).toBe(true);
    const text = await metrics.registry.metrics();
    expect(text).toContain('entry="order.create",outcome="allowed",rule=""} 1\n');
    expect(text).toContain('entry="order.create",outcome="switched_off",rule="entry.order.create"} 0\n');
    expect(text).toContain('entry="",outcome="off",rule="marketing.coupons"} 0\n');
  });

  it('refuses a closed entry with the rule and the wait, and counts it', async () => {
    const { evaluator, metrics } = made([switchRule('entry.order.create', false)]);
    const refused = evaluator.enter('order.create');
    expect(refused).toEqual({
      allowed: false,
      code: 'switched_off',
      rule: 'entry.order.create',
      retryAfterMs: 30_000,
    });
    if (refused.allowed) throw new Error('unreachable');
    expect(refusalOf(refused)).toEqual({
      ok: false,
      code: 'switched_off',
      detail: 'This entry is switched off by entry.order.create; try again in 30 s.',
      meta: { rule: 'entry.order.create', retryAfterMs: 30_000 },
    });
    const text = await metrics.registry.metrics();
    expect(text).toContain(
      'tidegate_guard_decisions_total{entry="order.create",outcome="switched_off",rule="entry.order.create"} 1',
    );
  });

  it('lets through what nobody declared, and counts it', async () => {
    const { evaluator, metrics } = made([]);
    const pass = evaluator.enter('an.entry.of.tomorrow');
    expect(pass.allowed).toBe(true);
    if (pass.allowed) pass.release();
    expect(evaluator.isOn('a.switch.of.tomorrow')).toBe(true);
    expect(await metrics.registry.metrics()).toContain('entry="undeclared",outcome="allowed",rule=""} 1');
  });

  it('keeps kinds and bodies of a newer control without acting on them', () => {
    const { evaluator } = made([
      { kind: 'limit', key: 'order.create', body: { rate: 0 } },
      { kind: 'switch', key: 'entry.order.create', body: { variant: 'b' } },
      { kind: 'switch', key: 'marketing.coupons', body: { on: false, until: 'tomorrow' } },
    ]);
    expect(evaluator.enter('order.create').allowed).toBe(true);
    expect(evaluator.isOn('marketing.coupons')).toBe(false);
    expect(evaluator.ignored.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'limit order.create',
      'switch entry.order.create',
    ]);
  });
});

describe('the declared switches', () => {
  it('are named by their files and say what they do in both languages', async () => {
    const declared = await loadSwitches();
    expect(declared.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['entry.order.create', 'marketing.coupons', 'marketing.points', 'orders.direct']),
    );
    for (const { effect, effectZh, owner, closes, retryAfterMs } of declared) {
      expect(effect.length).toBeGreaterThan(20);
      expect(effectZh).toMatch(/\p{Script=Han}/u);
      expect(owner).not.toBe('');
      expect(closes.length === 0 || retryAfterMs >= 1_000).toBe(true);
    }
  });
});
