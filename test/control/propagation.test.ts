import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Propagation, propagation, switchFlipped } from '../../control/api/contract.ts';
import { loadSwitches } from '../../core/guard/declarations.ts';
import type { LiveGuard } from '../../core/guard/live.ts';
import { folder } from '../guard/support.ts';
import { eventually } from '../support/eventually.ts';
import { ChildInstance } from './child.ts';
import { type TestControl, testControl } from './support.ts';

const ENTRY = 'entry.order.create';

let control: TestControl;
let place: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  place = await folder();
  control = await testControl({ switches: await loadSwitches() });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

/** Waits until the guard enforces what control has in force, and control knows it. */
async function inStep(guard: LiveGuard, name: string): Promise<void> {
  await eventually(() => guard.status().inStep);
  await eventually(async () => {
    const { body } = await control.send('viewer', 'GET', '/v1/instances');
    const items = body['items'] as { name: string; current: boolean }[];
    return items.some((item) => item.name === name && item.current);
  });
}

async function spread(revision: number): Promise<Propagation> {
  const { body } = await control.send('viewer', 'GET', `/v1/revisions/${revision}`);
  return propagation.parse(body['propagation']);
}

async function startChild(name: string): Promise<ChildInstance> {
  const token = await control.token('instance', name);
  return ChildInstance.start({ instance: name, dataDir: place.path, controlUrl: control.served.url, token });
}

describe('a flip', () => {
  it('is enforced everywhere when its answer says so, and the delays are told', async () => {
    const names = ['a-1', 'a-2', 'a-3'];
    const guards = await Promise.all(names.map((name) => control.guard(name, place.path)));
    await Promise.all(guards.map((guard, i) => inStep(guard, names[i] ?? '')));
    const flipped = switchFlipped.parse((await control.flip(ENTRY, false)).body);
    expect(guards.map((guard) => guard.enter('order.create').allowed)).toEqual([false, false, false]);
    expect(flipped.propagation).toMatchObject({ applied: 3, total: 3, stragglers: [] });
    expect(flipped.propagation.maxMs).toBeGreaterThanOrEqual(flipped.propagation.p50Ms ?? -1);
    expect(flipped.propagation.maxMs).toBeLessThan(2_000);
    const told = await control.metrics.registry.metrics();
    expect(told).toMatch(/tidegate_flip_propagation_seconds_count [1-9]/);
    expect(told).toContain(`tidegate_ruleset_head_revision ${flipped.propagation.revision}\n`);

    const [first, ...others] = guards;
    await first?.[Symbol.asyncDispose]();
    const again = switchFlipped.parse((await control.flip(ENTRY, true)).body);
    expect(again.propagation).toMatchObject({ applied: 2, total: 2 });
    await Promise.all(others.map((guard) => guard[Symbol.asyncDispose]()));
    expect((await spread(again.propagation.revision)).total).toBe(0);
  });

  it('names an instance that hangs within 5 s, and says why; it catches up when it wakes', async () => {
    await using steady = await control.guard('b-1', place.path);
    await using hung = await startChild('b-2');
    await inStep(steady, 'b-1');
    await eventually(async () => (await hung.state()).inStep);
    hung.signal('SIGSTOP');
    const startedMs = performance.now();
    const flipped = switchFlipped.parse((await control.flip(ENTRY, false)).body);
    expect(flipped.propagation).toMatchObject({ applied: 1, total: 2 });
    expect(flipped.propagation.stragglers.map(({ instance }) => instance)).toEqual(['b-2']);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await eventually(async () => {
      const { stragglers } = await spread(flipped.propagation.revision);
      return stragglers.some(({ instance, reason }) => instance === 'b-2' && /^silent for \d+ s$/.test(reason));
    });
    hung.signal('SIGCONT');
    await eventually(async () => (await spread(flipped.propagation.revision)).applied === 2);
    expect((await hung.state()).orderCreate).toBe(false);
    await hung.end('SIGTERM');
    expect((await spread(flipped.propagation.revision)).total).toBe(1);
  });
});

describe('with control dead', () => {
  it('an instance keeps what the last flip closed, and after kill -9 and a start without control, too', async () => {
    const own = await testControl({ switches: await loadSwitches() });
    const token = await own.token('instance', 'c-1');
    const env = { instance: 'c-1', dataDir: place.path, controlUrl: own.served.url, token };
    const first = await ChildInstance.start(env);
    await eventually(async () => (await first.state()).inStep);
    const flipped = switchFlipped.parse((await own.flip(ENTRY, false)).body);
    expect(flipped.propagation).toMatchObject({ applied: 1, total: 1 });
    // At once: what was acknowledged must survive.
    await first.end('SIGKILL');
    await own[Symbol.asyncDispose]();
    await using second = await ChildInstance.start(env);
    expect(await second.state()).toMatchObject({
      source: 'snapshot',
      revision: flipped.propagation.revision,
      orderCreate: false,
      inStep: false,
    });
  });
});

describe('what an instance reports', () => {
  const report = (changes: object) => ({
    process: 'core',
    startedAt: '2026-11-11T00:00:00.000Z',
    source: 'control',
    epoch: control.control.context.feed.head.epoch,
    revision: control.control.context.feed.head.revision,
    hash: control.control.context.feed.head.hash,
    appliedAt: '2026-11-11T00:00:00.000Z',
    persisted: true,
    problem: null,
    ...changes,
  });
  const post = async (name: string, body: unknown) => {
    const authorization = `Bearer ${await control.token('instance', name)}`;
    return control.send(undefined, 'POST', '/v1/instances/heartbeat', body, { authorization });
  };
  const reasonOf = async (name: string) => {
    const { stragglers } = await spread(control.control.context.feed.head.revision);
    return stragglers.find(({ instance }) => instance === name)?.reason;
  };

  it('is judged by its hash, its history and its revision', async () => {
    expect((await post('d-1', report({}))).status).toBe(200);
    expect(await reasonOf('d-1')).toBeUndefined();
    await post('d-1', report({ hash: '0'.repeat(64) }));
    expect(await reasonOf('d-1')).toBe('wrong hash');
    await post('d-1', report({ epoch: 'another' }));
    expect(await reasonOf('d-1')).toBe('not yet acknowledged');
    await post('d-1', report({ revision: 1_000_000 }));
    expect(await reasonOf('d-1')).toBe('holds revision 1000000, which this history does not know');
    await post('d-1', report({ epoch: null, revision: null, hash: null, appliedAt: null, source: 'defaults' }));
    expect(await reasonOf('d-1')).toBe('not yet acknowledged');
    await post('d-1', report({ problem: 'wrong hash at revision 9: aa instead of bb', revision: 1 }));
    expect(await reasonOf('d-1')).toBe('wrong hash at revision 9: aa instead of bb');
  });

  it('does not count as applied while a restart would lose it', async () => {
    await post('d-5', report({ persisted: false }));
    const why = 'in force, not on disk: a restart without control would lose it';
    expect(await reasonOf('d-5')).toBe(why);
    const { body } = await control.send('viewer', 'GET', '/v1/instances');
    expect((body['items'] as { name: string }[]).find(({ name }) => name === 'd-5')).toMatchObject({
      current: false,
      persisted: false,
    });
    await post('d-5', report({}));
    expect(await reasonOf('d-5')).toBeUndefined();
  });

  it('does not count while two processes speak in one name; a restart is not two', async () => {
    const [older, newer] = ['2026-11-11T00:00:00.000Z', '2026-11-11T01:00:00.000Z'];
    await post('d-6', report({ startedAt: older }));
    await post('d-6', report({ startedAt: newer }));
    await post('d-6', report({ startedAt: newer }));
    expect(await reasonOf('d-6')).toBeUndefined();
    const why = 'two processes speak as d-6: give each a name and a token of its own';
    await post('d-6', report({ startedAt: older }));
    expect(await reasonOf('d-6')).toBe(why);
    await post('d-6', report({ startedAt: newer }));
    expect(await reasonOf('d-6')).toBe(why);
    // The later one is gone: the earlier one is alone again.
    await eventually(
      async () => {
        await post('d-6', report({ startedAt: older }));
        return (await reasonOf('d-6')) === undefined;
      },
      { timeoutMs: 15_000, everyMs: 200 },
    );
  });

  it('is said in its own name only, and by instances only', async () => {
    expect((await post('d-1', { ...report({}), instance: 'd-2' })).body['code']).toBe('invalid_request');
    expect((await control.send('operator', 'POST', '/v1/instances/heartbeat', report({}))).status).toBe(403);
    expect((await control.send('admin', 'POST', '/v1/instances/sign-off', {})).status).toBe(403);
    expect((await control.send('viewer', 'GET', '/v1/rules/stream')).status).toBe(403);
    expect((await control.send(undefined, 'GET', '/v1/rules/stream')).status).toBe(401);
  });

  it('brings it back after it was retired, which needs a person and a silent instance', async () => {
    const retire = (name: string, role: 'viewer' | 'operator' = 'operator') =>
      control.send(role, 'POST', `/v1/instances/${name}/retire`, { reason: 'the machine is gone' });
    await post('d-3', report({}));
    expect((await retire('d-3')).body['code']).toBe('wrong_state');
    expect((await retire('d-4')).body['code']).toBe('instance_unknown');
    expect((await retire('d-3', 'viewer')).status).toBe(403);
    await control.database.db.query({
      text: `UPDATE control.instance SET last_seen_at = clock_timestamp() - interval '1 hour' WHERE name = 'd-3'`,
    });
    const status = async () => {
      const { body } = await control.send('viewer', 'GET', '/v1/instances');
      return (body['items'] as { name: string; status: string }[]).find(({ name }) => name === 'd-3')?.status;
    };
    expect(await status()).toBe('lost');
    expect(await retire('d-3')).toMatchObject({ status: 200, body: { status: 'retired' } });
    expect(await status()).toBe('retired');
    const { body } = await control.send('viewer', 'GET', '/v1/audit?subject=d-3');
    expect((body['items'] as unknown[])[0]).toMatchObject({ action: 'instance.retire', before: { status: 'lost' } });
    await post('d-3', report({}));
    expect(await status()).toBe('live');
  });
});
