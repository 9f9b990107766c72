import { z } from '@hono/zod-openapi';
import type { CoreContext } from '../../context.ts';
import { ok, refuse } from '../../kernel/errors.ts';
import { signalOf } from '../../kernel/http/context.ts';
import { reply } from '../../kernel/http/problem.ts';
import { createRouter, json, route } from '../../kernel/http/route.ts';
import { label } from '../../kernel/http/values.ts';
import { decodeCursor, encodeCursor, wire } from '../../kernel/http/wire.ts';
import { IMPORT_DOCUMENT } from '../catalog.wire.ts';
import { type BatchRow, listResults, type ResultRow, readBatchRow } from './batch.store.ts';
import { importBatch } from './batch.ts';
import type { RowFormat } from './rows.ts';

const tags = ['catalogue'];
/** As long as the server waits for any request. A file that takes longer is sent again, and goes on where it was. */
const UPLOAD_TIMEOUT_MS = 300_000;
const params = wire.object({ importId: label(60) });

const batch = wire
  .object({
    importId: z.string(),
    finished: z.boolean(),
    rows: z.int().openapi({ description: 'With a result so far' }),
    made: z.int(),
    repeated: z.int(),
    refused: z.int(),
    startedAt: wire.time,
    updatedAt: wire.time,
  })
  .openapi('Import', {
    example: {
      importId: 'imp_01jd00000000000000000000',
      finished: true,
      rows: 3,
      made: 1,
      repeated: 1,
      refused: 1,
      startedAt: '2026-11-11T08:00:00.000Z',
      updatedAt: '2026-11-11T08:00:01.000Z',
    },
  });

const result = wire.object({
  row: z.int(),
  outcome: z.enum(['made', 'repeated', 'refused']),
  spuId: z.string().nullable(),
  code: z.string().nullable(),
  detail: z.string().nullable(),
});

const { schema, example } = IMPORT_DOCUMENT.content['application/json'];

const upload = route({
  method: 'post',
  path: '/v1/imports',
  access: ['merchant'],
  body: 'stream',
  timeoutMs: UPLOAD_TIMEOUT_MS,
  summary: 'Import many products from a stream, each with a result of its own',
  description:
    "The source's product JSON: one per line as `application/x-ndjson`, or an array as `application/json`; no limit to the whole, 1 MiB to a product. One that breaks off is sent again under its Idempotency-Key and goes on behind what has a result. The same product twice is made once.",
  tags,
  request: {
    headers: wire.idempotencyHeaders,
    body: {
      required: true,
      content: {
        'application/json': { schema: { type: 'array' as const, items: schema }, example: [example] },
        'application/x-ndjson': { schema: { type: 'string' as const }, example: JSON.stringify(example) },
      },
    },
  },
  responses: { 200: json(batch, 'How the import went') },
});

const read = route({
  method: 'get',
  path: '/v1/imports/{importId}',
  access: ['viewer', 'merchant'],
  summary: 'How far an import is',
  tags,
  request: { params },
  responses: { 200: json(batch, 'The import') },
});

const rows = route({
  method: 'get',
  path: '/v1/imports/{importId}/rows',
  access: ['viewer', 'merchant'],
  summary: 'What became of the rows of an import, in their order',
  tags,
  request: { params, query: wire.object({ ...wire.page.shape, outcome: z.enum(['refused']).optional() }) },
  responses: {
    200: json(wire.object({ items: z.array(result), next: z.string().nullable() }), 'A page of results', {
      items: [{ row: 1, outcome: 'made', spuId: '10001', code: null, detail: null }],
      next: null,
    }),
  },
});

function batchOnWire(row: BatchRow): z.infer<typeof batch> {
  return {
    importId: row.id,
    finished: row.finished,
    rows: row.rows_done,
    made: row.made,
    repeated: row.repeated,
    refused: row.refused,
    startedAt: row.started_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

function resultOnWire({ n, outcome, spu_id: spuId, code, detail }: ResultRow): z.infer<typeof result> {
  return { row: n, outcome, spuId: spuId === null ? null : String(spuId), code, detail };
}

function formatOf(contentType: string | undefined): RowFormat | null {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-ndjson' || type === 'application/jsonl') return 'lines';
  return type === 'application/json' ? 'array' : null;
}

/** Imports of many products. */
export function batchRoutes(ctx: CoreContext) {
  const router = createRouter();

  router.openapi(upload, async (c) => {
    const format = formatOf(c.req.header('content-type'));
    if (format === null) {
      const detail = 'Send one product per line as application/x-ndjson, or an array of them as application/json.';
      return reply(c, refuse('unsupported_media_type', detail));
    }
    const body = c.req.raw.body;
    if (body === null) return reply(c, refuse('malformed_json', 'The body is empty; send products.'));
    const key = c.req.valid('header')['idempotency-key'];
    const done = await importBatch(ctx, { actor: c.get('principal').name, key, format, body }, signalOf(c));
    return reply(c, done.ok ? ok(batchOnWire(done.value)) : done);
  });

  router.openapi(read, async (c) => {
    const { importId } = c.req.valid('param');
    const row = await readBatchRow(ctx.db, importId);
    return reply(c, row === null ? unknown(importId) : ok(batchOnWire(row)));
  });

  router.openapi(rows, async (c) => {
    const { importId } = c.req.valid('param');
    const { cursor, limit, outcome } = c.req.valid('query');
    const after = cursor === undefined ? ok(0) : decodeCursor(z.int().min(1), cursor);
    if (!after.ok) return reply(c, after);
    if ((await readBatchRow(ctx.db, importId)) === null) return reply(c, unknown(importId));
    const want = { id: importId, refused: outcome !== undefined, after: after.value, limit: limit + 1 };
    const found = await listResults(ctx.db, want);
    const items = found.slice(0, limit);
    const next = found.length > limit ? encodeCursor(items.at(-1)?.n) : null;
    return reply(c, ok({ items: items.map(resultOnWire), next }));
  });

  return router;
}

function unknown(importId: string) {
  return refuse('import_unknown', `No import has the id ${importId}.`);
}
