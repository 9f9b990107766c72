import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { snapshotPath } from '../../core/guard/live.ts';
import type { ChangeMessage } from '../../core/guard/protocol.ts';
import { hashRules, type Rule } from '../../core/guard/rules.ts';
import { readSnapshot } from '../../core/guard/snapshot.ts';
import { readStream } from '../../core/guard/stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeControl, folder, frame, setOf, switchRule, testGuard } from './support.ts';

const OPEN: Rule[] = [switchRule('entry.order.create', true), switchRule('marketing.coupons', true)];
const CLOSED: Rule[] = [switchRule('entry.order.create', false), switchRule('marketing.coupons', true)];

function change(from: number, changed: Rule[], result: Rule[], epoch = 'history-1'): ChangeMessage {
  return { epoch, from, revision: from + 1, hash: hashRules(result), changed, removed: [] };
}

async function connected(greeting: string[]) {
  const place = await folder();
  const control = new FakeControl();
  control.greeting = greeting;
  await control.start();
  const made = await testGuard({ dataDir: place.path, controlUrl: control.url });
  return {
    ...made,
    control,
    dataDir: place.path,
    [Symbol.asyncDispose]: async () => {
      await made.guard[Symbol.asyncDispose]();
      await control[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

describe('the line to control', () => {
  it('takes the full set, then changes, and acknowledges each after the swap, once it is on disk', async () => {
    await using line = await connected([frame('set', setOf(3, OPEN))]);
    const { guard, control } = line;
    await eventually(() => guard.status().revision === 3);
    expect(guard.enter('order.create').allowed).toBe(true);

    control.send(frame('change', change(3, [switchRule('entry.order.create', false)], CLOSED)));
    await eventually(() => !guard.enter('order.create').allowed);
    const report = await eventually(() => control.reports.find(({ revision }) => revision === 4) ?? false);
    expect(report).toMatchObject({ hash: hashRules(CLOSED), source: 'control', persisted: true, problem: null });
    const read = await readSnapshot(snapshotPath({ dataDir: line.dataDir, instance: 'core-1' }));
    expect(read.kind === 'read' && read.snapshot.set.revision).toBe(4);
    expect(guard.status()).toMatchObject({ inStep: true, source: 'control' });
  });

  it('keeps its rules when control dies, and takes what it missed when control is back', async () => {
    await using line = await connected([frame('set', setOf(4, CLOSED))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    await control.kill();
    await eventually(() => !guard.status().inStep);
    expect(guard.enter('order.create').allowed).toBe(false);

    control.greeting = [frame('set', setOf(6, OPEN))];
    await control.start();
    await eventually(() => guard.status().revision === 6, { timeoutMs: 6_000 });
    expect(guard.enter('order.create').allowed).toBe(true);
  });

  it('asks for the full set when the hash of a change does not come out, and says so meanwhile', async () => {
    await using line = await connected([frame('set', setOf(3, OPEN))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    control.greeting = [];
    control.send(
      frame('change', { ...change(3, [switchRule('entry.order.create', false)], CLOSED), hash: hashRules([]) }),
    );
    await eventually(() => control.connects === 2);
    expect(guard.status().revision).toBe(3);
    await eventually(() => control.reports.some(({ problem }) => problem?.startsWith('wrong hash at revision 4')));
    control.send(frame('set', setOf(4, CLOSED)));
    await eventually(() => guard.status().revision === 4);
    await eventually(() => control.reports.at(-1)?.problem === null);
  });

  it.each([
    ['a change that begins elsewhere', frame('change', change(9, [], OPEN))],
    ['a change of another history', frame('change', change(3, [], OPEN, 'history-2'))],
    ['a message that is not JSON', 'event: change\ndata: {"epoch":\n\n'],
    ['a message that is no rule set', frame('set', { revision: 'four' })],
    ['a line that is no event stream', 'HTTP/1.1 500 Internal Server Error\n\n'],
    ['bytes that are not text', '\ndata: '],
  ])('reads the full set anew after %s', async (what, garbage) => {
    await using line = await connected([frame('set', setOf(3, CLOSED))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    if (what === 'bytes that are not text') control.sendBytes(Buffer.from([0x64, 0xff, 0xfe, 0x0a]));
    else control.send(garbage);
    await eventually(() => control.connects >= 2);
    expect(guard.enter('order.create').allowed).toBe(false);
    await eventually(() => guard.status().inStep);
    const ends = line.records().filter(({ end }) => end !== undefined);
    expect(ends.map(({ end }) => end)).toEqual([expect.stringMatching(/^(resync|garbage)$/)]);
  });

  it('refuses a full set whose rules are not what its hash says', async () => {
    await using line = await connected([frame('set', { ...setOf(3, OPEN), hash: hashRules(CLOSED) })]);
    const { guard, control } = line;
    await eventually(() => control.connects >= 2);
    expect(guard.status().source).toBe('defaults');
    await eventually(() => control.reports.some(({ problem }) => problem?.startsWith('wrong hash')));
  });

  it('lets events of a newer control be', async () => {
    await using line = await connected([frame('plan', { id: 1 }), frame('set', setOf(3, CLOSED))]);
    await eventually(() => line.guard.status().inStep);
    line.control.send(frame('drill', { lease: 'x' }));
    line.control.send(frame('change', change(3, [switchRule('entry.order.create', true)], OPEN)));
    await eventually(() => line.guard.status().revision === 4);
    expect(line.control.connects).toBe(1);
  });

  it('never goes back to an older revision of the same history, and follows a new history', async () => {
    await using line = await connected([frame('set', setOf(9, CLOSED))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    control.send(frame('set', setOf(5, OPEN)));
    control.send(frame('change', change(7, [switchRule('entry.order.create', true)], OPEN)));
    await eventually(() => line.records().some(({ msg }) => msg === 'control sent an older rule set; ours stays'));
    expect(guard.status().revision).toBe(9);
    expect(guard.enter('order.create').allowed).toBe(false);

    control.send(frame('set', setOf(2, OPEN, 'history-2')));
    await eventually(() => guard.status().epoch === 'history-2');
    expect(guard.status().revision).toBe(2);
    expect(guard.enter('order.create').allowed).toBe(true);
  });

  it('takes an empty rule set as the defaults', async () => {
    await using line = await connected([frame('set', setOf(4, CLOSED))]);
    await eventually(() => line.guard.status().inStep);
    line.control.send(frame('set', setOf(5, [])));
    await eventually(() => line.guard.status().revision === 5);
    expect(line.guard.enter('order.create').allowed).toBe(true);
  });

  it('goes on asking a control that refuses it, without a word more than the first', async () => {
    const place = await folder();
    await using _place = place;
    await using control = new FakeControl();
    control.refuseWith = 401;
    await control.start();
    const { guard, records } = await testGuard({ dataDir: place.path, controlUrl: control.url });
    await using _guard = guard;
    await eventually(() => control.connects >= 3);
    const said = records().filter(({ msg }) => msg === 'the rule stream ended; the rules in force stay');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ end: 'refused', detail: 'answered 401' });
  });

  it('takes a control that says nothing any more for gone', async () => {
    await using control = new FakeControl();
    control.greeting = [frame('set', setOf(3, OPEN))];
    await control.start();
    const events: string[] = [];
    const end = await readStream({
      url: `${control.url}/v1/rules/stream`,
      token: 'tg_test',
      signal: new AbortController().signal,
      silenceMs: 100,
      onEvent: (event) => void events.push(event),
    });
    expect(end).toEqual({ kind: 'silent', detail: 'nothing was heard for 100 ms' });
    expect(events).toEqual(['set']);
  });

  it('grows older under a control that is there and does not say that it has looked', async () => {
    await using line = await connected([frame('set', setOf(3, OPEN))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    const age = () => guard.status().ageSeconds ?? 0;
    control.send(': still here\n\n', frame('drill', { lease: 'x' }));
    await eventually(() => {
      control.send(': still here\n\n');
      return age() > 0.3;
    });
    const { epoch, revision, hash } = setOf(3, OPEN);
    const position = frame('position', { epoch, revision, hash });
    const before = age();
    control.send(position);
    await eventually(() => age() < before);
    expect(control.connects).toBe(1);
  });

  it('asks for the full set when what control has looked at is not what it holds', async () => {
    await using line = await connected([frame('set', setOf(3, OPEN))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    control.greeting = [frame('set', setOf(5, CLOSED))];
    const { epoch, hash } = setOf(5, CLOSED);
    control.send(frame('position', { epoch, revision: 5, hash }));
    await eventually(() => guard.status().revision === 5);
    expect(guard.enter('order.create').allowed).toBe(false);
  });

  it('is in step with a replica that was behind, once that has caught up', async () => {
    await using line = await connected([frame('set', setOf(4, CLOSED))]);
    const { guard, control } = line;
    await eventually(() => guard.status().inStep);
    await control.kill();
    await eventually(() => !guard.status().inStep);
    control.greeting = [
      frame('set', setOf(3, OPEN)),
      frame('change', change(3, [switchRule('entry.order.create', false)], CLOSED)),
    ];
    await control.start();
    await eventually(() => control.connects === 2, { timeoutMs: 6_000 });
    const { epoch, hash } = setOf(4, CLOSED);
    control.send(frame('position', { epoch, revision: 4, hash }));
    await eventually(() => guard.status().inStep);
    expect(guard.enter('order.create').allowed).toBe(false);
  });

  it('signs off when it stops, and stops within a moment when control is gone', async () => {
    const place = await folder();
    await using _place = place;
    await using control = new FakeControl();
    await control.start();
    const first = await testGuard({ dataDir: place.path, controlUrl: control.url });
    await eventually(() => control.reports.length > 0);
    await first.guard[Symbol.asyncDispose]();
    expect(control.signedOff).toEqual(['Bearer tg_test']);

    const second = await testGuard({ dataDir: place.path, controlUrl: control.url });
    await eventually(() => control.streams === 1);
    await control.kill();
    const startedMs = performance.now();
    await second.guard[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });

  it('writes nothing secret into the snapshot', async () => {
    await using line = await connected([frame('set', setOf(3, OPEN))]);
    await eventually(() => line.control.reports.some(({ persisted }) => persisted));
    const text = await readFile(snapshotPath({ dataDir: line.dataDir, instance: 'core-1' }), 'utf8');
    expect(text).not.toContain('tg_');
  });
});
