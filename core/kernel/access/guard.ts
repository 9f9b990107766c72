import type { MiddlewareHandler } from 'hono';
import { type Refusal, refuse } from '../errors.ts';
import type { AppContext, AppEnv } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import type { Principal } from './principal.ts';
import { describeRoles, mayAct, type Role } from './roles.ts';

/** The mark by which the app sees that a route says who may come in. */
const ALLOWED_ROLES: unique symbol = Symbol('allowed roles');

export type RoleGuard = MiddlewareHandler<AppEnv> & { readonly [ALLOWED_ROLES]: readonly Role[] };

/** Lets in the roles named, people above them, and admins. 401 without a good token, 403 with the wrong one. */
export function requireRole(...allowed: readonly [Role, ...Role[]]): RoleGuard {
  const guard: MiddlewareHandler<AppEnv> = async (c, next) => {
    const refusal = refuseRole(c, allowed);
    if (refusal !== undefined) return problem(c, refusal);
    return next();
  };
  return Object.assign(guard, { [ALLOWED_ROLES]: allowed });
}

export function allowedRolesOf(handler: unknown): readonly Role[] | undefined {
  return typeof handler === 'function' && ALLOWED_ROLES in handler ? (handler as RoleGuard)[ALLOWED_ROLES] : undefined;
}

function refuseRole(c: AppContext, allowed: readonly Role[]): Refusal | undefined {
  const principal: Principal | undefined = c.get('principal');
  if (principal === undefined) return refuse('unauthenticated', 'Send `Authorization: Bearer <token>`.');
  if (mayAct(principal.role, allowed)) return undefined;
  return refuse(
    'forbidden',
    `This needs the role ${describeRoles(allowed)}; the token of ${principal.name} is ${principal.role}.`,
    {
      meta: { neededRoles: allowed },
    },
  );
}
