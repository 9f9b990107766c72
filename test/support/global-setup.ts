import type { TestProject } from 'vitest/node';
import { type Cluster, startCluster } from './cluster.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: Cluster;
  }
}

/** One throwaway server a run, migrated once; test files clone its database as their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = await startCluster();
  project.provide('cluster', running.cluster);
  return async () => running[Symbol.asyncDispose]();
}
