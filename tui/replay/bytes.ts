import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';
import { BadLine } from './bad-line.ts';

/** No line of the format comes near it; a file without line ends must not be read into memory whole. */
const MAX_LINE_BYTES = 1 << 20;
const LINE_END = 0x0a;

/**
 * Reads a file as text, in pieces that end with a line, each byte of it once (`onBytes` sees them all). Throws `BadLine`
 * where it is not UTF-8: a decoder that puts a question mark there would change what was sold and say nothing.
 */
export async function* readText(
  file: string,
  options: { readonly signal: AbortSignal; readonly onBytes: (bytes: Buffer) => void },
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 1;
  let carry: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { signal: options.signal }) as AsyncIterable<Buffer>) {
    options.onBytes(chunk);
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    const end = bytes.lastIndexOf(LINE_END) + 1;
    carry = bytes.subarray(end);
    if (carry.length > MAX_LINE_BYTES) throw new BadLine(file, line, 'the line is longer than 1 MiB; this is no CSV');
    if (end === 0) continue;
    const whole = bytes.subarray(0, end);
    yield decode(decoder, file, line, whole);
    line += countLines(whole);
  }
  if (carry.length > 0) yield decode(decoder, file, line, carry);
}

function decode(decoder: TextDecoder, file: string, firstLine: number, bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BadLine(
      file,
      firstLine + linesBeforeTheBadOne(decoder, bytes),
      `this is not UTF-8; convert the file first (iconv -f ISO-8859-1 -t UTF-8)`,
    );
  }
}

function linesBeforeTheBadOne(decoder: TextDecoder, bytes: Buffer): number {
  let start = 0;
  for (let lines = 0; ; lines += 1) {
    const end = bytes.indexOf(LINE_END, start);
    try {
      decoder.decode(bytes.subarray(start, end === -1 ? bytes.length : end));
    } catch {
      return lines;
    }
    if (end === -1) return lines;
    start = end + 1;
  }
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_END); at !== -1; at = bytes.indexOf(LINE_END, at + 1)) count += 1;
  return count;
}
