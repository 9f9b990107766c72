import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshotPath } from '../../core/guard/live.ts';
import type { Rule } from '../../core/guard/rules.ts';
import { readSnapshot } from '../../core/guard/snapshot.ts';
import { VirtualClock } from '../../core/kernel/clock.ts';
import { eventually } from '../support/eventually.ts';
import { FakeControl, folder, frame, setOf, switchRule, testGuard } from './support.ts';

const CLOSED: Rule[] = [switchRule('entry.order.create', false), switchRule('marketing.coupons', true)];

describe('what a restart without control will find', () => {
  it('acknowledges rules that the disk does not take, and says that a restart would lose them', async () => {
    await using control = new FakeControl();
    control.greeting = [frame('set', setOf(3, CLOSED))];
    await control.start();
    // A file where the folder should be: nobody can write below it, not even root.
    const { guard, records } = await testGuard({ dataDir: '/dev/null', controlUrl: control.url });
    await using _guard = guard;
    await eventually(() => control.reports.some(({ revision, persisted }) => revision === 3 && !persisted));
    expect(guard.enter('order.create').allowed).toBe(false);
    expect(records().some(({ msg }) => String(msg).startsWith('the rule snapshot could not be written'))).toBe(true);
  });

  it('knows after a restart without control how old its rules are, to a minute', async () => {
    const place = await folder();
    await using _place = place;
    await using control = new FakeControl();
    const set = setOf(3, CLOSED);
    control.greeting = [frame('set', set)];
    await control.start();
    const clock = new VirtualClock(new Date('2026-11-11T00:00:00.000Z'));
    const first = await testGuard({ dataDir: place.path, controlUrl: control.url, clock });
    await eventually(() => control.reports.some(({ persisted }) => persisted));
    clock.advance(3_600_000);
    const { epoch, revision, hash } = set;
    control.send(frame('position', { epoch, revision, hash }));
    await eventually(() => first.guard.status().ageSeconds === 0);
    const file = snapshotPath({ dataDir: place.path, instance: 'core-1' });
    await eventually(async () => {
      const read = await readSnapshot(file);
      return read.kind === 'read' && read.snapshot.confirmedAt.getTime() === clock.now().getTime();
    });
    await first.guard[Symbol.asyncDispose]();
    const { guard } = await testGuard({ dataDir: place.path, clock });
    await using _guard = guard;
    expect(guard.status()).toMatchObject({ source: 'snapshot', ageSeconds: 0 });
  });

  it('goes on trying a disk that refused, and acknowledges once it is on it', async () => {
    const place = await folder();
    await using _place = place;
    await using control = new FakeControl();
    control.greeting = [frame('set', setOf(3, CLOSED))];
    await control.start();
    const inTheWay = join(place.path, 'guard');
    await writeFile(inTheWay, '');
    const { guard, records } = await testGuard({ dataDir: place.path, controlUrl: control.url });
    await using _guard = guard;
    await eventually(() => control.reports.some(({ revision, persisted }) => revision === 3 && !persisted));
    await rm(inTheWay);
    await eventually(() => control.reports.at(-1)?.persisted === true);
    const read = await readSnapshot(snapshotPath({ dataDir: place.path, instance: 'core-1' }));
    expect(read.kind === 'read' && read.snapshot.set.revision).toBe(3);
    expect(records().filter(({ msg }) => String(msg).includes('could not be written'))).toHaveLength(1);
  });
});
