import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreApp, openCore } from '../../core/app.ts';
import { loadConfig, requireServer } from '../../core/kernel/config.ts';
import { openApiDocument } from '../../core/kernel/http/standard.routes.ts';
import { testControl } from '../control/support.ts';
import { silent, type TestDatabase, testDatabase } from '../support/database.ts';
import { testSandbox, WEBHOOK_SECRET } from '../support/sandbox.ts';

/** What people and generators read: every process's own description of its routes, as it serves it. */
interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly 'x-roles'?: readonly string[];
  readonly requestBody?: { readonly content: Record<string, { readonly example?: unknown }> };
}

interface Described {
  readonly process: string;
  readonly name: string;
  readonly operation: Operation;
}

/** Signed messages carry their own proof; the sandbox is the outside world, on loopback. */
const NO_TOKEN = /^core POST \/v1\/callbacks|^sandbox /;

let database: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  database = await testDatabase({ poolSize: 2 });
  dataDir = await mkdtemp(join(tmpdir(), 'tidegate-openapi-'));
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

async function documentOf(process: string): Promise<ReturnType<typeof openApiDocument>> {
  switch (process) {
    case 'core': {
      const env = {
        DATABASE_URL: database.appUrl,
        TIDEGATE_WEBHOOK_SECRET: WEBHOOK_SECRET,
        TIDEGATE_DATA_DIR: dataDir,
        TIDEGATE_CONTROL_URL: 'http://127.0.0.1:9',
      };
      const config = loadConfig('core', env);
      requireServer(config);
      await using core = await openCore('core', config, silent);
      using app = coreApp(core, config, silent);
      return openApiDocument(app);
    }
    case 'control': {
      await using control = await testControl({ database });
      return openApiDocument(control.control.app);
    }
    default: {
      await using sandbox = await testSandbox();
      const answer = await fetch(`${sandbox.url}/openapi.json`);
      return (await answer.json()) as ReturnType<typeof openApiDocument>;
    }
  }
}

describe.each(['core', 'control', 'sandbox'])('the OpenAPI document of %s', (process) => {
  let operations: Described[] = [];
  beforeAll(async () => {
    const { paths } = await documentOf(process);
    operations = Object.entries(paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({
        process,
        name: `${process} ${method.toUpperCase()} ${path}`,
        operation,
      })),
    );
  });

  const lacking = (lacks: (described: Described) => boolean): string[] =>
    operations.filter(lacks).map(({ name }) => name);

  test('describes every route in one line, under a tag', () => {
    expect(operations.length).toBeGreaterThan(10);
    expect(lacking(({ operation }) => !/^[A-Z]/.test(operation.summary ?? ''))).toEqual([]);
    expect(lacking(({ operation }) => (operation.tags ?? []).length !== 1)).toEqual([]);
  });

  test('says who may come in', () => {
    const open = ({ name }: Described): boolean => NO_TOKEN.test(name);
    expect(lacking((d) => !open(d) && (d.operation['x-roles'] ?? []).length === 0)).toEqual([]);
    expect(lacking((d) => !open(d) && (d.operation.security ?? []).length === 0)).toEqual([]);
  });

  test('shows an example of what to send', () => {
    const bodies = operations.flatMap(({ name, operation }) =>
      Object.values(operation.requestBody?.content ?? {}).map(({ example }) => ({ name, example })),
    );
    expect(bodies.length).toBeGreaterThan(0);
    expect(bodies.filter(({ example }) => example === undefined).map(({ name }) => name)).toEqual([]);
  });
});
