import type { CoreContext } from '../core/context.ts';
import type { App } from '../core/kernel/http/app.ts';
import { createApp } from '../core/kernel/http/create-app.ts';
import type { Metrics } from '../core/kernel/metrics.ts';
import { Runner } from './runner.ts';

export interface Reconcile extends AsyncDisposable {
  readonly app: App;
  readonly runner: Runner;
}

/**
 * The reconcilers over an open core, and what they tell: `/metrics`, `/healthz`, `/readyz`. Ready as long as the database
 * answers: a replica that holds nothing is as ready as the one that does.
 */
export async function openReconcile(parts: {
  readonly context: CoreContext;
  readonly metrics: Metrics;
  readonly replica: string;
}): Promise<Reconcile> {
  const { context, metrics } = parts;
  const app = createApp({
    process: 'reconcile',
    log: context.log,
    metrics,
    title: 'Tidegate reconcile',
    version: '1',
    ready: { database: async () => void (await context.db.query({ text: 'SELECT 1' })) },
  });
  const runner = await Runner.start(parts);
  return { app, runner, [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose]() };
}
