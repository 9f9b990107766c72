import type { CoreContext } from '../context.ts';
import { ok, type Result } from '../kernel/errors.ts';
import type { AppContext } from '../kernel/http/context.ts';
import { reply } from '../kernel/http/problem.ts';
import { createdOnWire } from './orders.wire.ts';
import type { Submitted } from './submit.ts';
import { ticketOf } from './tickets.ts';
import { ticketOnWire } from './tickets.wire.ts';

/** 201 the orders, 200 those of an earlier request of the same key, 202 a place in the queue. */
export async function submittedReply(ctx: CoreContext, c: AppContext, submitted: Result<Submitted>) {
  if (!submitted.ok) return reply(c, submitted);
  const { value } = submitted;
  if (value.replayed) c.header('Idempotency-Replayed', 'true');
  if (value.kind === 'queued') {
    c.header('Location', `/v1/tickets/${value.ticket.id}`);
    return reply(c, ok(ticketOnWire(await ticketOf(ctx, ctx.db, value.ticket))), 202);
  }
  const created = createdOnWire(value.created);
  return value.replayed ? reply(c, ok(created)) : reply(c, ok(created), 201);
}
