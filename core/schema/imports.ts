import { check } from 'drizzle-orm/pg-core';
import { at, bigint, boolean, core, index, integer, primaryKey, sql, text, uniqueIndex } from './columns.ts';

/** How far an import of many products is (批量导入). Sent again under its key it goes on behind `rows_done`. */
export const importBatch = core.table(
  'import_batch',
  {
    id: text('id').primaryKey(),
    actor: text('actor').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    /** Rows with a result, from the first one on. */
    rowsDone: integer('rows_done').notNull().default(0),
    made: integer('made').notNull().default(0),
    repeated: integer('repeated').notNull().default(0),
    refused: integer('refused').notNull().default(0),
    /** Chained digest of those rows: another file under the same key is refused. */
    progress: text('progress').notNull(),
    finished: boolean('finished').notNull().default(false),
    startedAt: at('started_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('import_batch_once').on(t.actor, t.idempotencyKey),
    check('import_batch_adds_up', sql`${t.rowsDone} = ${t.made} + ${t.repeated} + ${t.refused}`),
  ],
);

/** What became of one row. */
export const importRow = core.table(
  'import_row',
  {
    batchId: text('batch_id')
      .notNull()
      .references(() => importBatch.id),
    /** From 1. */
    n: integer('n').notNull(),
    outcome: text('outcome').notNull(),
    spuId: bigint('spu_id', { mode: 'number' }),
    /** Of the refusal. */
    code: text('code'),
    detail: text('detail'),
  },
  (t) => [
    primaryKey({ columns: [t.batchId, t.n] }),
    index('import_row_refused').on(t.batchId, t.n).where(sql`outcome = 'refused'`),
    check('import_row_outcome_known', sql`${t.outcome} IN ('made','repeated','refused')`),
    check('import_row_says_why', sql`(${t.outcome} = 'refused') = (${t.code} IS NOT NULL)`),
  ],
);
