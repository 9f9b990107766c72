import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshotPath } from '../../core/guard/live.ts';
import { readSnapshot, SnapshotWriter, writeSnapshot } from '../../core/guard/snapshot.ts';
import { folder, setOf, switchRule, testGuard } from './support.ts';

const CLOSED = setOf(7, [switchRule('entry.order.create', false)]);
const confirmedAt = new Date('2026-11-11T00:00:00.000Z');

describe('the snapshot file', () => {
  it('comes back as it was written, and leaves nothing beside it', async () => {
    await using place = await folder();
    const file = join(place.path, 'guard', 'core-1.rules');
    await writeSnapshot(file, { set: CLOSED, confirmedAt });
    await writeSnapshot(file, { set: { ...CLOSED, revision: 8 }, confirmedAt });
    const read = await readSnapshot(file);
    expect(read).toEqual({ kind: 'read', snapshot: { set: { ...CLOSED, revision: 8 }, confirmedAt } });
    expect(await readdir(dirname(file))).toEqual(['core-1.rules']);
  });

  it('is refused when it is cut short, at every length', async () => {
    await using place = await folder();
    const file = join(place.path, 'a.rules');
    await writeSnapshot(file, { set: CLOSED, confirmedAt });
    const whole = await readFile(file);
    for (let length = whole.length - 1; length >= 0; length -= 1) {
      await truncate(file, length);
      const { kind } = await readSnapshot(file);
      expect({ length, kind }).toEqual({ length, kind: length === 0 ? 'empty' : 'torn' });
    }
  });

  it('is refused when any byte was changed', async () => {
    await using place = await folder();
    const file = join(place.path, 'a.rules');
    await writeSnapshot(file, { set: CLOSED, confirmedAt });
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at += 1) {
      const broken = Buffer.from(whole);
      broken[at] = (broken[at] ?? 0) ^ 1;
      await writeFile(file, broken);
      const { kind } = await readSnapshot(file);
      expect(['torn', 'foreign'], `byte ${at}`).toContain(kind);
    }
  });

  it.each([
    ['a JSON file of somebody else', '{"on":true}'],
    ['binary', '\u0000\u0001\u0002'],
  ])('refuses %s', async (_what, text) => {
    await using place = await folder();
    const file = join(place.path, 'a.rules');
    await writeFile(file, text);
    expect((await readSnapshot(file)).kind).toBe('foreign');
  });

  it('says that a folder is not readable as one, and that nothing is absent', async () => {
    await using place = await folder();
    expect((await readSnapshot(place.path)).kind).toBe('unreadable');
    expect((await readSnapshot(join(place.path, 'none'))).kind).toBe('absent');
  });

  it('ends with the newest of many writes at once', async () => {
    await using place = await folder();
    const file = join(place.path, 'a.rules');
    const writer = new SnapshotWriter(file);
    const saves = Array.from({ length: 50 }, (_, i) =>
      writer.save({ set: { ...CLOSED, revision: i + 1 }, confirmedAt }),
    );
    await Promise.all(saves);
    const read = await readSnapshot(file);
    expect(read.kind === 'read' && read.snapshot.set.revision).toBe(50);
  });
});

describe('a guard without control', () => {
  it('boots from the snapshot at once', async () => {
    await using place = await folder();
    const config = { dataDir: place.path, instance: 'core-1' };
    await writeSnapshot(snapshotPath(config), { set: CLOSED, confirmedAt });
    const { guard, metrics } = await testGuard({ dataDir: place.path });
    await using _guard = guard;
    expect(guard.enter('order.create').allowed).toBe(false);
    expect(guard.status()).toMatchObject({ source: 'snapshot', revision: 7, epoch: 'history-1', inStep: false });
    expect(guard.status().ageSeconds).toBeGreaterThan(0);
    const text = await metrics.registry.metrics();
    expect(text).toContain('tidegate_ruleset_revision{instance="core-1"} 7');
    expect(text).toMatch(/tidegate_ruleset_age_seconds \d+/);
  });

  it('starts cold with the declared defaults', async () => {
    await using place = await folder();
    const { guard, metrics } = await testGuard({ dataDir: place.path });
    await using _guard = guard;
    expect(guard.enter('order.create').allowed).toBe(true);
    expect(guard.status()).toMatchObject({ source: 'defaults', revision: null, ageSeconds: null });
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^tidegate_ruleset_revision\{instance="[^"]+"\} 0$/m);
    expect(text, 'rules that nobody vouched for age, too').toMatch(/^tidegate_ruleset_age_seconds \d/m);
  });

  it.each([
    ['torn', 'tidegate-rules 1 sha256:00'],
    ['empty', ''],
    ['foreign', 'PK\u0003\u0004'],
  ])('refuses a snapshot that is %s, says so, and starts with the defaults', async (problem, text) => {
    await using place = await folder();
    const file = snapshotPath({ dataDir: place.path, instance: 'core-1' });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    const { guard, records } = await testGuard({ dataDir: place.path });
    await using _guard = guard;
    expect(guard.status().source).toBe('defaults');
    const said = records().find(({ level }) => level === 'error');
    expect(said).toMatchObject({ problem, file, msg: expect.stringContaining('the rule snapshot is refused') });
  });
});
