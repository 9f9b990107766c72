/** People, each with everything the one before may do. */
const PEOPLE_ROLES = ['viewer', 'operator', 'approver', 'admin'] as const;
/** Machines, each with what it needs and nothing else. */
const MACHINE_ROLES = ['instance', 'shop', 'merchant'] as const;
export const ROLES = [...PEOPLE_ROLES, ...MACHINE_ROLES] as const;

export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function rank(role: Role): number {
  return (PEOPLE_ROLES as readonly string[]).indexOf(role);
}

/**
 * Whether a token of role `role` may do what `allowed` may. A person's role opens whatever a lower one opens; an admin
 * does everything but speak as an instance, because what an instance reports is only true from that machine.
 */
export function mayAct(role: Role, allowed: readonly Role[]): boolean {
  if (allowed.includes(role)) return true;
  if (role === 'admin') return allowed.some((other) => other !== 'instance');
  const own = rank(role);
  return own >= 0 && allowed.some((other) => rank(other) >= 0 && rank(other) <= own);
}

/** "role operator or above, or shop": the words of a refusal. */
export function describeRoles(allowed: readonly Role[]): string {
  const words = allowed.map((role) => (rank(role) >= 0 && role !== 'admin' ? `${role} or above` : role));
  return words.length < 2 ? (words[0] ?? 'nobody') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
