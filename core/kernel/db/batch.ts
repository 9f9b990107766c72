import { createRequire } from 'node:module';
import pg from 'pg';
import { after } from '../clock.ts';

/** A statement: text with `$1…` and values. `name` prepares it once per connection. */
export interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

/*
 * Several statements on one connection in one write, behind one Sync: the server works through them without waiting for
 * us, answers all at once, and skips everything behind one that fails. pg's own pipelining writes and syncs each statement
 * by itself; on two cores those writes were half of what the core did (each wakes the server up).
 *
 * Named statements are parsed and described once per connection.
 */
const { prepareValue } = createRequire(import.meta.url)('pg/lib/utils') as {
  /** pg's own mapping of a JavaScript value to the text of a parameter. */
  prepareValue(value: unknown): string | Buffer | null;
};

type Parse = (text: string) => unknown;

interface Column {
  readonly name: string;
  readonly parse: Parse;
}

/** What a connection knows of a named statement; `columns` is missing until the server has described them. */
interface Prepared {
  readonly text: string;
  columns: readonly Column[] | undefined;
}

interface Memory {
  readonly prepared: Map<string, Prepared>;
  /** Whether the server has these is not known, because the batch that would have parsed them failed. */
  readonly doubtful: Set<string>;
}

/** The part of pg's connection that writes messages. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void; destroy(error: Error): void };
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: object): void;
  close(message: { type: 'S'; name: string }): void;
  sync(): void;
  sendCopyFail(reason: string): void;
}

const memories = new WeakMap<object, Memory>();

function memoryOf(wire: Wire): Memory {
  let memory = memories.get(wire);
  if (memory === undefined) {
    memory = { prepared: new Map(), doubtful: new Set() };
    memories.set(wire, memory);
  }
  return memory;
}

export interface Outcome {
  readonly rows: object[];
  /** The command's tag: `INSERT`, `COMMIT`. */
  readonly command: string;
}

/** A statement on its way, and who waits for it. */
export class Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly (string | Buffer | null)[];
  readonly rows: object[] = [];
  command = '';
  /** Parsed by this batch: if it fails, the connection may or may not have it. */
  fresh = false;
  prepared: Prepared | undefined;
  /** A value that could not be understood: the statement ran, its answer is of no use. */
  unreadable: unknown;
  readonly #settle: (error: unknown, outcome: Outcome | undefined) => void;

  /** Throws when a value cannot be a parameter: before anything is written. */
  constructor(query: Query, settle: (error: unknown, outcome: Outcome | undefined) => void) {
    this.name = query.name ?? '';
    this.text = query.text;
    this.values = query.values?.map(prepareValue) ?? [];
    this.#settle = settle;
  }

  resolve(): void {
    if (this.unreadable !== undefined) this.#settle(this.unreadable, undefined);
    else this.#settle(undefined, this);
  }

  reject(error: unknown): void {
    this.#settle(error, undefined);
  }
}

/** The statements behind a failed one were not run: the server skips to the end of the batch. */
export class Skipped extends Error {
  constructor(cause: unknown) {
    super('not run, because a statement before it failed', { cause });
    this.name = 'Skipped';
  }
}

/** What a connection is ended with that does not answer any more; reads as any other dead line. */
class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT';
  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`);
    this.name = 'NoAnswer';
  }
}

interface FieldMessage {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

/** What pg's client hands to the connection, and the answers to. */
export class Batch {
  readonly #statements: readonly Statement[];
  readonly #typeParser: (oid: number) => Parse;
  readonly #done: () => void;
  #memory: Memory | undefined;
  #limitMs = 0;
  #deadline: Disposable | undefined;
  #at = 0;
  #over = false;

  constructor(statements: readonly Statement[], typeParser: (oid: number) => Parse, done: () => void) {
    this.#statements = statements;
    this.#typeParser = typeParser;
    this.#done = done;
  }

  /**
   * Hands the batch to a client, which answers it in its turn. One that has no answer after `limitMs` ends its connection:
   * the server ends what takes too long by itself, so the line is dead, and TCP alone would notice after many minutes.
   */
  sendOver(client: pg.ClientBase, limitMs: number): void {
    this.#limitMs = limitMs;
    // pg's type of a submittable names its whole connection; this one needs a few methods of it.
    client.query(this as unknown as pg.Submittable);
  }

  submit(wire: Wire): Error | null {
    const memory = memoryOf(wire);
    this.#memory = memory;
    for (const { name, text } of this.#statements) {
      const known = memory.prepared.get(name);
      if (known !== undefined && known.text !== text) {
        return new Error(`broken invariant: "${name}" is the name of another statement`);
      }
    }
    wire.stream.cork();
    for (const statement of this.#statements) write(wire, memory, statement);
    wire.sync();
    wire.stream.uncork();
    this.#deadline = after(this.#limitMs, () => wire.stream.destroy(new NoAnswer(this.#limitMs)));
    return null;
  }

  handleRowDescription({ fields }: FieldMessage): void {
    const statement = this.#statements[this.#at];
    if (statement?.prepared === undefined) return;
    statement.prepared.columns = fields.map(({ name, dataTypeID }) => ({ name, parse: this.#typeParser(dataTypeID) }));
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const statement = this.#statements[this.#at];
    if (statement === undefined || statement.unreadable !== undefined) return;
    try {
      statement.rows.push(rowOf(statement.prepared?.columns ?? [], fields));
    } catch (error) {
      statement.unreadable = error;
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const statement = this.#statements[this.#at];
    if (statement === undefined) return;
    const space = text.indexOf(' ');
    statement.command = space < 0 ? text : text.slice(0, space);
    // It had its chance to describe columns: it has none.
    if (statement.prepared !== undefined) statement.prepared.columns ??= [];
    this.#at += 1;
  }

  handleEmptyQuery(): void {
    this.#at += 1;
  }

  handlePortalSuspended(): void {
    throw new Error('broken invariant: no statement is read in pieces');
  }

  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFail('COPY is not spoken here');
  }

  handleCopyData(): void {}

  /** What ran before the failed one keeps its answer; unless all ran, and it is their commit that failed. */
  handleError(error: unknown): void {
    if (this.#over) return;
    this.#end();
    const failed = this.#at < this.#statements.length ? this.#at : 0;
    for (const [i, statement] of this.#statements.entries()) {
      if (i >= failed) this.#forget(statement, i === failed);
      if (i < failed) statement.resolve();
      else statement.reject(i === failed || this.#at >= this.#statements.length ? error : new Skipped(error));
    }
    this.#done();
  }

  /** An answer counts when the server is ready again: a statement alone commits with the Sync, and may fail there. */
  handleReadyForQuery(): void {
    if (this.#over) return;
    this.#end();
    for (const statement of this.#statements) statement.resolve();
    this.#done();
  }

  #end(): void {
    this.#over = true;
    this.#deadline?.[Symbol.dispose]();
  }

  /** The failed one is parsed anew too: its plan may be what was wrong with it. */
  #forget(statement: Statement, failed: boolean): void {
    if (this.#memory === undefined || statement.name === '' || !(statement.fresh || failed)) return;
    this.#memory.prepared.delete(statement.name);
    this.#memory.doubtful.add(statement.name);
  }
}

function write(wire: Wire, memory: Memory, statement: Statement): void {
  const { name, text, values } = statement;
  let prepared = name === '' ? undefined : memory.prepared.get(name);
  if (prepared === undefined) {
    if (memory.doubtful.delete(name)) wire.close({ type: 'S', name });
    wire.parse({ name, text });
    prepared = { text, columns: undefined };
    statement.fresh = true;
    if (name !== '') memory.prepared.set(name, prepared);
  }
  statement.prepared = prepared;
  wire.bind({ statement: name, values });
  if (prepared.columns === undefined) wire.describe({ type: 'P', name: '' });
  wire.execute({});
}

function rowOf(columns: readonly Column[], fields: readonly (string | null)[]): object {
  const row: Record<string, unknown> = {};
  for (const [i, { name, parse }] of columns.entries()) {
    const text = fields[i];
    row[name] = text === null || text === undefined ? null : parse(text);
  }
  return row;
}

/** A 64-bit integer that must fit a JavaScript number exactly; one that does not is a bug that must not be rounded. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`broken invariant: ${text} does not fit a safe integer`);
  return value;
}

/** How the text of a column becomes a value. */
export function typeParserOf(oid: number): Parse {
  return oid === pg.types.builtins.INT8 ? parseInt8 : pg.types.getTypeParser(oid, 'text');
}
