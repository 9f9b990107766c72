import { tokenRoutes } from '../../core/kernel/access/tokens.routes.ts';
import { recordAudit } from '../audit/audit.ts';
import type { ControlContext } from '../context.ts';

/** Tokens are issued and revoked here and nowhere else, each with its audit row. The secret is never in it. */
export function accessRoutes({ db, clock }: Pick<ControlContext, 'db' | 'clock'>) {
  return tokenRoutes({
    db,
    clock,
    record: async (tx, { what, by, token }) => {
      const { id, name, role, expiresAt } = token;
      const shown = { id, name, role, expiresAt };
      const created = what === 'token.created';
      await recordAudit(tx, clock, {
        actor: { name: by, role: 'admin' },
        action: what,
        subject: name,
        before: created ? null : shown,
        after: created ? shown : { ...shown, revokedBy: token.revokedBy },
        reason: created ? 'issued by an admin' : 'revoked by an admin',
      });
    },
  });
}
