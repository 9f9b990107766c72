import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../kernel/canonical.ts';
import { setMessage } from './protocol.ts';
import { hashRules, type RuleSet } from './rules.ts';

/** The last good rule set as a file keeps it, and when control last vouched for it. */
export interface Snapshot {
  readonly set: RuleSet;
  readonly confirmedAt: Date;
}

/** Why a file is no snapshot. `absent` is a cold start; the others are worth a line in the log. */
export type SnapshotRead =
  | { readonly kind: 'read'; readonly snapshot: Snapshot }
  | { readonly kind: 'absent' | 'empty' | 'torn' | 'foreign' | 'unreadable'; readonly detail: string };

const MAGIC = 'tidegate-rules 1';
const HEADER = /^tidegate-rules 1 sha256:([0-9a-f]{64}) bytes:(\d{1,9})$/;
const MAX_BYTES = 64 * 1024 * 1024;

const content = z.object({ set: setMessage, confirmedAt: z.iso.datetime() });

/**
 * Reads a snapshot. Whatever is in the file, it answers and never throws: a process must start with a broken disk too.
 * A file counts only when its length, its checksum and the hash of its rules all agree.
 */
export async function readSnapshot(file: string): Promise<SnapshotRead> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) return { kind: 'foreign', detail: `it has ${size} bytes` };
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { kind: 'absent', detail: 'there is no file' };
    }
    return { kind: 'unreadable', detail: error instanceof Error ? error.message : String(error) };
  }
  if (text.length === 0) return { kind: 'empty', detail: 'it has 0 bytes' };
  const newline = text.indexOf('\n');
  const header = HEADER.exec(newline < 0 ? text : text.slice(0, newline));
  if (header === null) {
    return text.startsWith(MAGIC) || MAGIC.startsWith(text)
      ? { kind: 'torn', detail: 'its first line breaks off' }
      : { kind: 'foreign', detail: 'it does not begin as a snapshot does' };
  }
  const body = text.slice(newline + 1);
  const bytes = Buffer.byteLength(body);
  if (bytes !== Number(header[2]))
    return { kind: 'torn', detail: `it has ${bytes} bytes where ${header[2]} were written` };
  if (sha256(body) !== header[1]) return { kind: 'torn', detail: 'its checksum does not fit' };
  return readContent(body);
}

function readContent(body: string): SnapshotRead {
  // The checksum holds, so what does not fit from here on was written so: by another program or another release.
  try {
    const parsed = content.safeParse(JSON.parse(body));
    if (!parsed.success) return { kind: 'foreign', detail: 'its content is not a rule set of this release' };
    const { set, confirmedAt } = parsed.data;
    if (hashRules(set.rules) !== set.hash) return { kind: 'foreign', detail: 'the hash of its rules does not fit' };
    return { kind: 'read', snapshot: { set, confirmedAt: new Date(confirmedAt) } };
  } catch {
    return { kind: 'foreign', detail: 'its content is not JSON' };
  }
}

/**
 * Replaces the snapshot so that at every instant either the old or the new one is there whole: write aside, fsync,
 * rename, fsync the directory (without which a crash can undo the rename).
 */
export async function writeSnapshot(file: string, { set, confirmedAt }: Snapshot): Promise<void> {
  const { epoch, revision, hash, rules } = set;
  const body = JSON.stringify({ set: { epoch, revision, hash, rules }, confirmedAt: confirmedAt.toISOString() });
  const header = `${MAGIC} sha256:${sha256(body)} bytes:${Buffer.byteLength(body)}\n`;
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const aside = `${file}.${process.pid}.new`;
  await using written = await open(aside, 'w', 0o600);
  await written.writeFile(header + body);
  await written.sync();
  await rename(aside, file);
  await using directory = await open(folder, 'r');
  await directory.sync();
}

/** Writes the newest snapshot it was given; those that were overtaken while a write was under way are skipped. */
export class SnapshotWriter {
  readonly #file: string;
  #next: Snapshot | undefined;
  #running: Promise<void> | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Settles when this snapshot, or a newer one, is on disk. Rejects when the disk refused it. */
  save(snapshot: Snapshot): Promise<void> {
    this.#next = snapshot;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const snapshot = this.#next;
      this.#next = undefined;
      await writeSnapshot(this.#file, snapshot);
    }
  }
}
