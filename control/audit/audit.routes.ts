import { z } from '@hono/zod-openapi';
import { ok } from '../../core/kernel/errors.ts';
import { reply } from '../../core/kernel/http/problem.ts';
import { createRouter, json, route } from '../../core/kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../../core/kernel/http/wire.ts';
import type { ControlContext } from '../context.ts';
import { type AuditRow, listAudit } from './audit.ts';

const auditEntry = wire
  .object({
    id: z.string(),
    actor: z.string(),
    role: z.string(),
    action: z.string(),
    subject: z.string(),
    before: z.any(),
    after: z.any(),
    reason: z.string(),
    revision: z.number().int().nullable(),
    traceId: z.string().nullable(),
    at: wire.time,
  })
  .openapi('AuditEntry');

const list = route({
  method: 'get',
  path: '/v1/audit',
  access: ['viewer'],
  summary: 'Every write to the control plane with before and after, newest first',
  tags: ['audit'],
  request: { query: wire.page.extend({ subject: z.string().max(200).optional() }) },
  responses: {
    200: json(wire.object({ items: z.array(auditEntry), next: z.string().nullable() }), 'A page of the audit'),
  },
});

function viewOf(row: AuditRow): z.infer<typeof auditEntry> {
  return { ...row, id: String(row.id), at: row.at.toISOString() };
}

export function auditRoutes({ db }: Pick<ControlContext, 'db'>) {
  const router = createRouter();
  router.openapi(list, async (c) => {
    const { cursor, limit, subject } = c.req.valid('query');
    const from = cursor === undefined ? undefined : decodeCursor(z.number().int(), cursor);
    if (from?.ok === false) return reply(c, from);
    const rows = await listAudit(db, { limit: limit + 1, beforeId: from?.value, subject });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return reply(
      c,
      ok({
        items: page.map(viewOf),
        next: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null,
      }),
    );
  });
  return router;
}
