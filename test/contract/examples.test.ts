import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { Role } from '../../core/kernel/access/roles.ts';
import { openApiDocument } from '../../core/kernel/http/standard.routes.ts';
import { loadRegistry } from '../../core/kernel/registry.ts';
import { NO_ANSWER_YET, NOT_RUN_YET } from './examples.lacking.ts';
import { type ExampleRuns, type Known, Stage } from './stage.ts';

/*
 * The documented example of every route of the core is sent to a real core, and the answer must be what the description
 * promises. What an example cannot know (the number of an order that was just placed) is made by its set-up in `examples/`.
 */

interface Media {
  readonly schema?: z.ZodType;
  readonly example?: unknown;
}

/** The same as it is written in the document. */
interface ShownMedia {
  readonly schema?: ShownSchema;
  readonly example?: unknown;
}

interface ShownSchema {
  readonly $ref?: string;
  readonly example?: unknown;
  readonly items?: ShownSchema;
  readonly properties?: Readonly<Record<string, ShownSchema>>;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie';
  readonly required?: boolean;
  readonly example?: unknown;
  readonly schema?: { readonly example?: unknown };
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
  readonly 'x-roles'?: readonly Role[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, ShownMedia>> }>>;
}

interface Described {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  /** Whether each good answer is shown by an example, here or at its named schema. */
  readonly shown: boolean;
  /** The answers by status, as the routes declare them. */
  readonly answers: ReadonlyMap<number, Media>;
}

const registry = await loadRegistry<ExampleRuns>(new URL('./examples/', import.meta.url));
const runs = new Map([...registry.values()].flatMap((room) => Object.entries(room.runs)));

async function routesOf(stage: Stage): Promise<Described[]> {
  const { paths, components } = openApiDocument(stage.app);
  const named = (components?.schemas ?? {}) as Readonly<Record<string, ShownSchema>>;
  const isNamed = (schema: ShownSchema = {}): boolean =>
    (schema.example ?? named[schema.$ref?.split('/').at(-1) ?? '']?.example) !== undefined;
  // A page is shown by the example of what it lists.
  const lists = ({ properties = {} }: ShownSchema): boolean => Object.values(properties).some((p) => isNamed(p.items));
  const isShown = ({ example, schema = {} }: ShownMedia): boolean =>
    example !== undefined || isNamed(schema) || lists(schema);
  const declared = new Map<string, ReadonlyMap<number, Media>>();
  for (const definition of stage.app.openAPIRegistry.definitions) {
    if (definition.type !== 'route') continue;
    const { method, path, responses } = definition.route;
    const answers = Object.entries(responses).flatMap(([status, response]): [number, Media][] => {
      const content = 'content' in response ? (response.content as Record<string, Media> | undefined) : undefined;
      const media = content?.['application/json'];
      return /^2\d\d$/.test(status) ? [[Number(status), media ?? {}]] : [];
    });
    declared.set(`${method.toUpperCase()} ${path}`, new Map(answers));
  }
  return Object.entries(paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]): Described => {
      const name = `${method.toUpperCase()} ${path}`;
      const good = Object.entries(operation.responses).filter(([status]) => /^2\d\d$/.test(status));
      const shown = good.every(([, { content }]) => Object.values(content ?? {}).every(isShown));
      return { name, method: method.toUpperCase(), path, operation, shown, answers: declared.get(name) ?? new Map() };
    }),
  );
}

function exampleOf({ example, schema }: Parameter): string | undefined {
  const value = example ?? schema?.example;
  return value === undefined ? undefined : String(value);
}

/** The address with what the set-up knows, and what the description says where it knows nothing. */
function addressOf({ path, operation }: Described, known: Known): string {
  const parameters = operation.parameters ?? [];
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parameters.find((p) => p.in === 'path' && p.name === name);
    const value = known.params?.[name] ?? (parameter === undefined ? undefined : exampleOf(parameter));
    if (value === undefined) throw new Error(`no example of {${name}}: give one in the set-up or the description`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams(known.query);
  for (const parameter of parameters.filter((p) => p.in === 'query' && p.required === true)) {
    if (!query.has(parameter.name)) query.set(parameter.name, exampleOf(parameter) ?? '');
  }
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
}

function bodyOf({ operation }: Described, known: Known): unknown {
  if (known.text !== undefined) return known.text;
  const [media] = Object.values(operation.requestBody?.content ?? {});
  const example = media?.example;
  if (known.body === undefined) return example;
  return known.body({ ...(example as Record<string, unknown> | undefined) });
}

function headersOf({ operation }: Described, known: Known): Record<string, string> {
  const takesKey = (operation.parameters ?? []).some((p) => p.in === 'header' && p.name === 'idempotency-key');
  return { ...(takesKey ? { 'idempotency-key': 'example-1' } : {}), ...known.headers };
}

describe('the documented examples of the core', async () => {
  await using first = await Stage.open();
  const routes = await routesOf(first);
  const runnable = routes.filter(({ name }) => runs.has(name)).map((route) => [route.name, route] as const);
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('every route has a run in examples/, but those that are listed as lacking: the list only shrinks', () => {
    const lacking = routes.filter(({ name }) => !runs.has(name)).map(({ name }) => name);
    expect(lacking.sort()).toEqual([...NOT_RUN_YET].sort());
  });

  test('every run is of a route', () => {
    const names = new Set(routes.map(({ name }) => name));
    expect([...runs.keys()].filter((name) => !names.has(name))).toEqual([]);
  });

  test('every answer is shown by an example that fits, but those that are listed: the list only shrinks', () => {
    const lacking = routes.filter(({ shown }) => !shown).map(({ name }) => name);
    expect(lacking.sort()).toEqual([...NO_ANSWER_YET].sort());
    for (const { name, answers } of routes) {
      for (const { example, schema } of answers.values()) {
        if (example !== undefined) expect(schema?.safeParse(example).error, name).toBeUndefined();
      }
    }
  });

  test.each(runnable)('%s', async (name, route) => {
    await using own = await Stage.open();
    const run = runs.get(name) ?? {};
    const known = (await run.setUp?.(own)) ?? {};
    const role = route.operation['x-roles']?.[0] ?? null;
    const address = addressOf(route, known);
    const reply = await own.send(role, route.method, address, bodyOf(route, known), headersOf(route, known));
    const expected = run.status ?? Math.max(...route.answers.keys());
    expect(reply.status, JSON.stringify(reply.body)).toBe(expected);
    const answer = route.answers.get(expected)?.schema;
    if (answer !== undefined) expect(answer.safeParse(reply.body).error).toBeUndefined();
  });
});
