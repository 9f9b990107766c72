import { RefusalError, refuse } from '../../kernel/errors.ts';

/** One product of a file as it was written, or what makes it unreadable. */
export type Row = { readonly text: string } | { readonly broken: 'too large' | 'not UTF-8' };
export type RowFormat = 'lines' | 'array';

export const MAX_ROW_BYTES = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const [LF, QUOTE, BACKSLASH, SLASH, STAR] = [0x0a, 0x22, 0x5c, 0x2f, 0x2a];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COMMA] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c];

/**
 * Cuts a stream into its rows: one per line (NDJSON), or the elements of one JSON array, comments allowed. It holds one
 * row at a time, and of one that is too large nothing. A row that is no JSON inside is for its reader to refuse.
 *
 * @throws RefusalError malformed_json: what stands around the elements is no array
 */
export async function* rowsOf(body: AsyncIterable<Uint8Array>, format: RowFormat): AsyncGenerator<Row> {
  const cutter = format === 'lines' ? new Lines() : new Elements();
  for await (const bytes of body) yield* cutter.take(bytes);
  yield* cutter.end();
}

/** The bytes of one row, until they are too many. */
class Pending {
  #parts: Uint8Array[] = [];
  #size = 0;

  add(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#size > MAX_ROW_BYTES) this.#parts = [];
    // A copy: the stream may use its buffer again.
    else if (bytes.length > 0) this.#parts.push(bytes.slice());
  }

  /** The row, and nothing is pending any more. */
  cut(): Row {
    const [parts, size] = [this.#parts, this.#size];
    [this.#parts, this.#size] = [[], 0];
    if (size > MAX_ROW_BYTES) return { broken: 'too large' };
    try {
      return { text: utf8.decode(Buffer.concat(parts)) };
    } catch {
      return { broken: 'not UTF-8' };
    }
  }
}

class Lines {
  readonly #pending = new Pending();

  *take(bytes: Uint8Array): Generator<Row> {
    let from = 0;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
      this.#pending.add(bytes.subarray(from, at));
      yield* this.end();
      from = at + 1;
    }
    this.#pending.add(bytes.subarray(from));
  }

  *end(): Generator<Row> {
    const row = this.#pending.cut();
    if (!('text' in row) || row.text.trim() !== '') yield row;
  }
}

/** Where in the text of an array the next byte stands. */
type Inside = 'code' | 'string' | 'escape' | 'slash' | 'line comment' | 'comment' | 'star';

/** Follows strings, comments and brackets byte by byte: the bytes of other characters are never any of these. */
class Elements {
  readonly #pending = new Pending();
  #inside: Inside = 'code';
  /** 0 before and after the array, 1 between its elements. */
  #depth = 0;
  #seen: 'nothing' | 'array' | 'end' = 'nothing';
  #comma = true;

  *take(bytes: Uint8Array): Generator<Row> {
    let from = this.#depth > 1 ? 0 : -1;
    for (let at = 0; at < bytes.length; at += 1) {
      const depth = this.#depth;
      this.#step(bytes[at] ?? 0);
      if (depth <= 1 && this.#depth === 2) from = at;
      if (depth === 2 && this.#depth === 1) {
        this.#pending.add(bytes.subarray(from, at + 1));
        yield this.#pending.cut();
        from = -1;
      }
    }
    if (from >= 0) this.#pending.add(bytes.subarray(from));
  }

  end(): readonly Row[] {
    if (this.#seen !== 'end') throw this.#malformed('it breaks off before the end of its array');
    return [];
  }

  #step(byte: number): void {
    switch (this.#inside) {
      case 'string':
        if (byte === BACKSLASH) this.#inside = 'escape';
        else if (byte === QUOTE) this.#inside = 'code';
        return;
      case 'escape':
        this.#inside = 'string';
        return;
      case 'line comment':
        if (byte === LF) this.#inside = 'code';
        return;
      case 'comment':
        if (byte === STAR) this.#inside = 'star';
        return;
      case 'star':
        if (byte !== STAR) this.#inside = byte === SLASH ? 'code' : 'comment';
        return;
      case 'slash':
        if (byte !== SLASH && byte !== STAR) throw this.#malformed('a / stands outside of a text');
        this.#inside = byte === SLASH ? 'line comment' : 'comment';
        return;
      default:
        this.#code(byte);
    }
  }

  #code(byte: number): void {
    if (byte === SLASH) this.#inside = 'slash';
    else if (byte === QUOTE && this.#depth > 1) this.#inside = 'string';
    else if (this.#depth > 1) this.#nested(byte);
    else this.#around(byte);
  }

  #nested(byte: number): void {
    if (byte === OPEN || byte === OPEN_LIST) this.#depth += 1;
    else if (byte === CLOSE || byte === CLOSE_LIST) this.#depth -= 1;
  }

  #around(byte: number): void {
    if (byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09) return;
    if (this.#seen === 'nothing' && byte === OPEN_LIST) {
      this.#seen = 'array';
      this.#depth = 1;
    } else if (this.#seen === 'array' && byte === OPEN && this.#comma) {
      this.#depth = 2;
      this.#comma = false;
    } else if (this.#seen === 'array' && byte === COMMA && !this.#comma) this.#comma = true;
    else if (this.#seen === 'array' && byte === CLOSE_LIST) {
      this.#seen = 'end';
      this.#depth = 0;
    } else throw this.#malformed(`"${String.fromCharCode(byte)}" does not belong between its products`);
  }

  #malformed(what: string): RefusalError {
    return new RefusalError(refuse('malformed_json', `The import is not an array of products: ${what}.`));
  }
}
