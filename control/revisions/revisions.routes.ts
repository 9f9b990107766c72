import { z } from '@hono/zod-openapi';
import { STREAM_PATH } from '../../core/guard/protocol.ts';
import { ok, refuse } from '../../core/kernel/errors.ts';
import { eventStream } from '../../core/kernel/http/events.ts';
import { reply } from '../../core/kernel/http/problem.ts';
import { createRouter, json, route } from '../../core/kernel/http/route.ts';
import { decodeCursor, encodeCursor, wire } from '../../core/kernel/http/wire.ts';
import { propagation } from '../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { propagationOf } from '../instances/propagation.ts';
import { listRevisions, type Revision, readRevision } from './revisions.store.ts';

/** A rule's body as it is: what it holds belongs to the rule's kind. */
const body = z.record(z.string(), z.any());
const ruleName = { kind: z.string(), key: z.string() };

const revisionView = wire
  .object({
    number: z.number().int(),
    author: z.string(),
    reason: z.string(),
    hash: z.string(),
    at: wire.time,
    changed: z.array(wire.object({ ...ruleName, before: body.nullable(), after: body })),
    removed: z.array(wire.object({ ...ruleName, before: body })),
  })
  .openapi('Revision');

const list = route({
  method: 'get',
  path: '/v1/revisions',
  access: ['viewer'],
  summary: 'What was changed, by whom and why, newest first',
  tags: ['revisions'],
  request: { query: wire.page },
  responses: {
    200: json(wire.object({ items: z.array(revisionView), next: z.string().nullable() }), 'A page of revisions'),
  },
});

const read = route({
  method: 'get',
  path: '/v1/revisions/{number}',
  access: ['viewer'],
  summary: 'One revision, and who enforces it (or a newer one)',
  tags: ['revisions'],
  request: { params: wire.object({ number: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }) },
  responses: { 200: json(wire.object({ revision: revisionView, propagation }), 'The revision') },
});

const rules = route({
  method: 'get',
  path: '/v1/rules',
  access: ['instance', 'viewer'],
  summary: 'The full rule set in force',
  tags: ['revisions'],
  responses: {
    200: json(
      wire.object({
        epoch: z.string(),
        revision: z.number().int(),
        hash: z.string(),
        rules: z.array(wire.object({ ...ruleName, body })),
      }),
      'The rules and their digest',
    ),
  },
});

const stream = route({
  method: 'get',
  path: STREAM_PATH,
  access: ['instance'],
  summary: 'The full rule set, then every change of it, as server-sent events',
  description:
    'Events `set` and `change`, each with the revision and the hash of the result; every 2 s `position`, which says that ' +
    'they are the newest. Ends, and is refused with `unavailable`, while this replica has not seen its database for 5 s.',
  tags: ['revisions'],
  responses: {
    200: { description: 'A stream that never ends', content: { 'text/event-stream': { schema: z.string() } } },
  },
});

function viewOf({ number, author, reason, hash, at, diff }: Revision): z.infer<typeof revisionView> {
  return {
    number,
    author,
    reason,
    hash,
    at: at.toISOString(),
    changed: diff.changed.map((change) => ({ ...change })),
    removed: diff.removed.map((change) => ({ ...change })),
  };
}

export function revisionRoutes({ db, feed }: Pick<ControlContext, 'db' | 'feed'>) {
  const router = createRouter();

  router.openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const from = cursor === undefined ? undefined : decodeCursor(z.number().int(), cursor);
    if (from?.ok === false) return reply(c, from);
    const rows = await listRevisions(db, from?.value, limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const next = rows.length > limit && last !== undefined ? encodeCursor(last.number) : null;
    return reply(c, ok({ items: page.map(viewOf), next }));
  });

  router.openapi(read, async (c) => {
    const { number } = c.req.valid('param');
    const revision = await readRevision(db, number);
    if (revision === undefined) return reply(c, refuse('revision_unknown', `There is no revision ${number}.`));
    const spread = await propagationOf(db, { epoch: feed.head.epoch, revision: number });
    return reply(c, ok({ revision: viewOf(revision), propagation: spread }));
  });

  router.openapi(rules, async (c) => {
    const { epoch, revision, hash, rules: inForce } = feed.head;
    return reply(c, ok({ epoch, revision, hash, rules: inForce.map((rule) => ({ ...rule })) }));
  });

  router.openapi(stream, (c) => {
    if (feed.blind) return reply(c, refuse('unavailable', 'This replica does not see its database: ask another one.'));
    return eventStream(c, async ({ send, signal }) => {
      using follower = feed.follow(send);
      const gone = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([gone, follower.over]);
    });
  });

  return router;
}
