import type { CoreContext } from '../../context.ts';
import { sha256 } from '../../kernel/canonical.ts';
import type { Tx } from '../../kernel/db/database.ts';
import { catchRefusal, must, type Refusal, RefusalError, type Result, refuse } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { digestOf, whyUnknown, writeProduct } from '../catalog.import.ts';
import { type ProductDraft, parseProduct } from '../product.format.ts';
import { refreshStats } from '../stats/stats.store.ts';
import { isTaken } from '../words/words.ts';
import {
  type BatchRow,
  finishBatch,
  lockBatchRow,
  type Outcome,
  openBatchRow,
  prepareRows,
  readBatchRow,
  writeResults,
} from './batch.store.ts';
import { MAX_ROW_BYTES, type Row, type RowFormat, rowsOf } from './rows.ts';

/** What is written in one transaction, whichever is reached first: it bounds the memory and what a crash undoes. */
const CHUNK_ROWS = 50;
const CHUNK_SKUS = 500;
/** Another import of the same content at the same moment makes a chunk begin anew. */
const CHUNK_TRIES = 5;

interface Upload {
  readonly actor: string;
  readonly key: string;
  readonly format: RowFormat;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A row that was read: its product, or why there is none. */
type Read = { readonly draft: ProductDraft; readonly importKey: string; readonly digest: string } | Refusal;

/**
 * Imports many products (批量导入) from a stream, each as a DRAFT with a result of its own: made, repeated (this actor has
 * imported the same content before; no second product), or refused with the reason. Results are written chunk by chunk
 * together with what they are about, so an import that breaks off is sent again under its key and goes on where it was.
 *
 * Refuses: `malformed_json` (no array); `idempotency_key_reused` (another file under the key); `import_under_way`. What was
 * written until then stays.
 */
export function importBatch(ctx: CoreContext, upload: Upload, signal: AbortSignal): Promise<Result<BatchRow>> {
  return catchRefusal(async () => {
    const { actor, key } = upload;
    const now = ctx.clock.now();
    const batch = must(
      (await openBatchRow(ctx.db, { id: newId('imp', ctx.clock, ctx.random), actor, key, now })) ??
        // Two that began at once: the other one's row could not be seen yet.
        (await openBatchRow(ctx.db, { id: newId('imp', ctx.clock, ctx.random), actor, key, now })),
      'an import batch',
    );
    await new Progress(ctx, batch, signal).run(upload);
    return must(await readBatchRow(ctx.db, batch.id), `import ${batch.id}`);
  });
}

class Progress {
  readonly #ctx: CoreContext;
  readonly #batch: BatchRow;
  readonly #signal: AbortSignal;
  /** Rows read so far, and the chained digest of them. */
  #read = 0;
  #chain = '';
  #chunk: Read[] = [];
  #skus = 0;

  constructor(ctx: CoreContext, batch: BatchRow, signal: AbortSignal) {
    this.#ctx = ctx;
    this.#batch = batch;
    this.#signal = signal;
  }

  async run({ body, format }: Upload): Promise<void> {
    for await (const row of rowsOf(body, format)) {
      this.#signal.throwIfAborted();
      this.#read += 1;
      this.#chain = sha256(`${this.#chain}${'text' in row ? row.text : row.broken}`);
      if (this.#read <= this.#batch.rows_done) {
        // Done before: read, compared, passed over.
        if (this.#read === this.#batch.rows_done && this.#chain !== this.#batch.progress) throw this.#anotherFile();
        continue;
      }
      if (this.#batch.finished) throw this.#anotherFile();
      this.#add(readRow(row, this.#batch.actor));
      if (this.#chunk.length >= CHUNK_ROWS || this.#skus >= CHUNK_SKUS) await this.#flush();
    }
    if (this.#read < this.#batch.rows_done) throw this.#anotherFile();
    if (this.#chunk.length > 0) await this.#flush();
    await finishBatch(this.#ctx.db, this.#batch.id, this.#ctx.clock.now());
  }

  #add(read: Read): void {
    this.#chunk.push(read);
    if ('draft' in read) this.#skus += read.draft.skus.length;
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ctx.db.tx((tx) => this.#write(tx, chunk), { signal: this.#signal });
        break;
      } catch (error) {
        if (attempt >= CHUNK_TRIES || !isTaken(error)) throw error;
      }
    }
    this.#chunk = [];
    this.#skus = 0;
  }

  async #write(tx: Tx, chunk: readonly Read[]): Promise<void> {
    const { id } = this.#batch;
    const from = this.#read - chunk.length;
    if ((await lockBatchRow(tx, id)) !== from) {
      throw new RefusalError(refuse('import_under_way', `Import ${id} is being sent a second time right now.`));
    }
    const now = this.#ctx.clock.now();
    const results = await writeRows(this.#ctx, tx, this.#batch.actor, chunk);
    const made = results.flatMap((result) => (result.outcome === 'made' ? [result.spuId] : []));
    await Promise.all([
      refreshStats(tx, made, now),
      writeResults(tx, { id, from, progress: this.#chain, now }, results),
    ]);
  }

  #anotherFile(): RefusalError {
    return new RefusalError(
      refuse('idempotency_key_reused', `Import ${this.#batch.id} of this key had another content.`),
    );
  }
}

async function writeRows(ctx: CoreContext, tx: Tx, actor: string, chunk: readonly Read[]): Promise<Outcome[]> {
  const drafts = chunk.flatMap((read) => ('draft' in read ? [read] : []));
  const known = await prepareRows(
    tx,
    drafts.map(({ draft, importKey }) => ({ categoryId: draft.categoryId, brandId: draft.brandId, key: importKey })),
  );
  const writes: Promise<void>[] = [];
  const here = new Map<string, number>();
  let i = 0;
  const results = chunk.map((read): Outcome => {
    if (!('draft' in read)) return refusedRow(read);
    const found = must(known[i++], 'what is known of a row');
    const there = found.there ?? here.get(read.importKey);
    if (there !== undefined) return { outcome: 'repeated', spuId: there };
    const refusal = whyUnknown(read.draft, found);
    if (refusal !== null) return refusedRow(refusal);
    const { spuId } = found;
    here.set(read.importKey, spuId);
    writes.push(writeProduct(ctx, tx, { ...read, actor, spuId, statsLater: true }));
    return { outcome: 'made', spuId };
  });
  await Promise.all(writes);
  return results;
}

function readRow(row: Row, actor: string): Read {
  if (!('text' in row)) {
    return row.broken === 'too large'
      ? refuse('body_too_large', `A product may have ${MAX_ROW_BYTES} bytes at most.`)
      : refuse('malformed_text', 'The row holds bytes that are not UTF-8.');
  }
  const parsed = parseProduct(row.text);
  if (!parsed.ok) return parsed;
  const digest = digestOf(parsed.value);
  return { draft: parsed.value, digest, importKey: `${actor}:content:${digest}` };
}

function refusedRow({ code, detail }: Refusal): Outcome {
  return { outcome: 'refused', code, detail };
}
