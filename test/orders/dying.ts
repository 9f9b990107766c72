import type { CoreContext } from '../../core/context.ts';
import type { Database, Tx } from '../../core/kernel/db/database.ts';

/** The context over a database whose transactions die at their nth statement, as a process that was killed there. */
export function dyingAt(ctx: CoreContext, nth: number): CoreContext {
  const db: Database = Object.create(ctx.db, {
    tx: {
      value: (fn: (tx: Tx) => Promise<unknown>) =>
        ctx.db.tx((tx) => {
          let statements = 0;
          const dying: Tx = Object.create(tx, {
            query: {
              value: (query: Parameters<Tx['query']>[0]) => {
                statements += 1;
                return statements === nth ? Promise.reject(new Error('the process died')) : tx.query(query);
              },
            },
            afterCommit: { value: tx.afterCommit.bind(tx) },
          });
          return fn(dying);
        }),
    },
    query: { value: ctx.db.query.bind(ctx.db) },
  });
  return { ...ctx, db };
}
