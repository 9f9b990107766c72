import { describe, expect, it } from 'vitest';
import { describeRoles, mayAct, ROLES, type Role } from '../../../core/kernel/access/roles.ts';

/** Who comes in, by what the route asks for: the whole table, written down once by hand. */
const LETS_IN: readonly (readonly [readonly Role[], readonly Role[]])[] = [
  [['viewer'], ['viewer', 'operator', 'approver', 'admin']],
  [['operator'], ['operator', 'approver', 'admin']],
  [['approver'], ['approver', 'admin']],
  [['admin'], ['admin']],
  [['instance'], ['instance']],
  [['shop'], ['shop', 'admin']],
  [['merchant'], ['merchant', 'admin']],
  [
    ['shop', 'operator'],
    ['shop', 'operator', 'approver', 'admin'],
  ],
  [
    ['instance', 'viewer'],
    ['instance', 'viewer', 'operator', 'approver', 'admin'],
  ],
  [
    ['shop', 'merchant'],
    ['shop', 'merchant', 'admin'],
  ],
];

describe('the ladder of roles', () => {
  it.each(LETS_IN)('a route for %j lets in %j and nobody else', (allowed, expected) => {
    const entering = ROLES.filter((role) => mayAct(role, allowed));
    expect([...entering].sort()).toEqual([...expected].sort());
  });

  it('is told in words', () => {
    expect(describeRoles(['admin'])).toBe('admin');
    expect(describeRoles(['shop', 'merchant', 'operator'])).toBe('shop, merchant or operator or above');
  });
});
