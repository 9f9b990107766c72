import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { switchFlipped } from '../../control/api/contract.ts';
import { CONTROL } from '../../control/audit/audit.ts';
import { publish } from '../../control/revisions/publish.ts';
import { lockHead } from '../../control/revisions/revisions.store.ts';
import type { Rule } from '../../core/guard/rules.ts';
import { systemClock } from '../../core/kernel/clock.ts';
import { openDatabase } from '../../core/kernel/db/database.ts';
import { folder } from '../guard/support.ts';
import { asAdmin } from '../support/admin.ts';
import { silent, testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { CuttableLine } from '../support/proxy.ts';
import { type TestControl, testControl } from './support.ts';

const ENTRY = 'entry.order.create';

async function publishRules(control: TestControl, changed: readonly Rule[]): Promise<number> {
  return control.database.db.tx(async (tx) => {
    const head = await lockHead(tx);
    const proposal = { actor: CONTROL, reason: 'a test', action: 'test.publish', subject: 'rules', changed };
    return (await publish(tx, systemClock, head, proposal)).number;
  });
}

describe('two replicas of control on one database', () => {
  it('share every change, and either answers for all instances', async () => {
    await using place = await folder();
    await using one = await testControl();
    await using two = await testControl({ database: one.database });
    await using near = await one.guard('near', place.path);
    await using far = await two.guard('far', place.path);
    await eventually(() => near.status().inStep && far.status().inStep);
    await eventually(async () => {
      const { body } = await two.send('viewer', 'GET', '/v1/instances');
      return (body['items'] as { current: boolean }[]).filter(({ current }) => current).length === 2;
    });
    const flipped = switchFlipped.parse((await one.flip(ENTRY, false)).body);
    expect(flipped.propagation).toMatchObject({ applied: 2, total: 2 });
    expect([near, far].map((guard) => guard.enter('order.create').allowed)).toEqual([false, false]);
    const back = switchFlipped.parse((await two.flip(ENTRY, true)).body);
    expect(back.propagation).toMatchObject({ applied: 2, total: 2 });
  });

  it('do so without a listening connection, too: polling is the floor', async () => {
    await using place = await folder();
    await using one = await testControl();
    await using two = await testControl({ database: one.database });
    await using far = await two.guard('far', place.path);
    await eventually(() => far.status().inStep);
    await asAdmin(
      one.database.adminUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = '${one.database.name}' AND query LIKE 'LISTEN%'`,
    );
    // Written past every replica, and without a notice.
    await one.database.db.query({
      text: `INSERT INTO control.revision (number, author, reason, diff, ruleset, hash, at)
             SELECT number + 1, 'test', 'no notice', jsonb_build_object('changed', '[]'::jsonb, 'removed', '[]'::jsonb),
               ruleset, hash, clock_timestamp() FROM control.revision ORDER BY number DESC LIMIT 1`,
    });
    await eventually(() => far.status().revision === 2);
    await eventually(async () => {
      const rows = await one.database.db.query({
        text: `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
      });
      return rows.length === 2;
    });
  });
});

/** A control whose line to the database can be broken, and a guard that follows it. */
async function breakable() {
  const all = new AsyncDisposableStack();
  const place = all.use(await folder());
  const real = all.use(await testDatabase());
  const line = all.use(await CuttableLine.to(real.appUrl));
  const limits = { poolSize: 6, applicationName: 'test', log: silent, statementTimeoutMs: 1_000 };
  const db = all.use(await openDatabase({ url: line.through(real.appUrl), ...limits }));
  const control = all.use(await testControl({ database: { ...real, db } }));
  const guard = all.use(await control.guard('core-1', place.path));
  await eventually(() => guard.status().inStep);
  await Promise.all((['viewer', 'operator', 'instance'] as const).map((role) => control.token(role)));
  return { line, control, guard, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

describe('with the database away', () => {
  it('reads answer 503, nobody vouches for the rules, which stay, and all of it comes back', async () => {
    await using world = await breakable();
    const { line, control, guard } = world;
    const { feed } = control.control.context;
    line.cut();
    const read = await control.send('viewer', 'GET', '/v1/switches');
    expect(read).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(read.headers.get('retry-after')).toBe('1');
    expect((await control.send('viewer', 'GET', '/v1/overview')).status).toBe(503);
    expect((await control.send(undefined, 'GET', '/healthz')).status).toBe(200);
    expect((await control.send(undefined, 'GET', '/readyz')).status).toBe(503);
    await eventually(() =>
      control.records().some(({ msg }) => String(msg).startsWith('cannot look for new revisions')),
    );
    await eventually(() => !guard.status().inStep && feed.followers === 0, { timeoutMs: 10_000 });
    expect(guard.status().ageSeconds).toBeGreaterThan(3);
    expect((await control.send('instance', 'GET', '/v1/rules/stream')).body).toMatchObject({ code: 'unavailable' });
    expect(guard.enter('order.create').allowed).toBe(true);

    line.mend();
    await eventually(async () => (await control.send('viewer', 'GET', '/v1/overview')).status === 200);
    await eventually(() => guard.status().inStep, { timeoutMs: 10_000 });
    await eventually(async () => (await control.flip(ENTRY, false)).status === 200);
    await eventually(() => !guard.enter('order.create').allowed);
  });

  it('so it is when its line is dead and nothing says so', async () => {
    await using world = await breakable();
    const { line, control, guard } = world;
    line.silence();
    await eventually(() => !guard.status().inStep && control.control.context.feed.followers === 0, {
      timeoutMs: 10_000,
    });
    line.mend();
    await eventually(() => guard.status().inStep, { timeoutMs: 20_000 });
  });

  it('no more, what is held is vouched for every other second', async () => {
    await using world = await breakable();
    const age = () => world.guard.status().ageSeconds ?? 0;
    for (let heard = 0; heard < 2; heard += 1) {
      await eventually(() => age() > 1, { timeoutMs: 4_000 });
      await eventually(() => age() < 0.5, { timeoutMs: 4_000 });
    }
    expect(world.guard.status().inStep).toBe(true);
  });
});

describe('the rule stream', () => {
  it('ends with its token, and reports with it', async () => {
    await using place = await folder();
    await using control = await testControl();
    await using guard = await control.guard('core-1', place.path);
    await eventually(() => guard.status().inStep);
    const { body } = await control.send('admin', 'GET', '/v1/tokens');
    const token = (body['items'] as { id: string; name: string }[]).find(({ name }) => name === 'core-1');
    const revoked = await control.send('admin', 'DELETE', `/v1/tokens/${token?.id}`);
    expect(revoked.status).toBe(200);
    await eventually(() => !guard.status().inStep && control.control.context.feed.followers === 0, {
      timeoutMs: 4_000,
    });
    await control.flip(ENTRY, false, { waitMs: 0 });
    expect(guard.enter('order.create').allowed).toBe(true);
    const audit = await control.send('viewer', 'GET', '/v1/audit?subject=core-1');
    expect((audit.body['items'] as unknown[])[0]).toMatchObject({ action: 'token.revoked', actor: 'a admin' });
    expect(JSON.stringify(audit.body)).not.toContain('tg_');
  });

  it('drops a reader that does not read, and nobody else', async () => {
    await using place = await folder();
    await using control = await testControl();
    await using guard = await control.guard('core-1', place.path);
    const token = await control.token('instance', 'slow');
    const slow = connect(control.served.port, '127.0.0.1');
    slow.on('error', () => undefined);
    slow.write(`GET /v1/rules/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    slow.pause();
    const { feed } = control.control.context;
    await eventually(() => feed.followers === 2);
    const filler = 'x'.repeat(700_000);
    await eventually(
      async () => {
        await publishRules(control, [{ kind: 'filler', key: 'big', body: { filler, turn: feed.head.revision } }]);
        return feed.followers === 1;
      },
      { timeoutMs: 20_000, everyMs: 1 },
    );
    slow.destroy();
    await eventually(() => guard.status().revision === feed.head.revision);
    expect(guard.status().inStep).toBe(true);
  });

  it('sends the whole set when many changes were missed', async () => {
    await using place = await folder();
    await using control = await testControl();
    await using guard = await control.guard('core-1', place.path);
    await eventually(() => guard.status().inStep);
    await control.database.db.tx(async (tx) => {
      for (let i = 0; i < 80; i += 1) {
        const changed: Rule[] = [{ kind: 'limit', key: 'order.create', body: { rate: i } }];
        const proposal = { actor: CONTROL, reason: 'a test', action: 'test.publish', subject: 'rules', changed };
        await publish(tx, systemClock, await lockHead(tx), proposal);
      }
    });
    await eventually(() => guard.status().revision === 81);
    expect(control.records().some(({ msg }) => msg === 'rule set read anew')).toBe(true);
    expect(guard.enter('order.create').allowed).toBe(true);
  });

  it('begins a new history when the revisions start over', async () => {
    await using place = await folder();
    await using control = await testControl();
    await control.flip(ENTRY, false, { waitMs: 0 });
    await control.flip(ENTRY, true, { waitMs: 0 });
    await using guard = await control.guard('core-1', place.path);
    await eventually(() => guard.status().revision === 3);
    const { epoch } = guard.status();
    // What restoring a dump does: the table is another one, and holds the past.
    await asAdmin(
      control.database.ownerUrl,
      `BEGIN;
       CREATE TABLE control.restored (LIKE control.revision INCLUDING ALL);
       INSERT INTO control.restored SELECT * FROM control.revision WHERE number = 2;
       DROP TABLE control.revision;
       ALTER TABLE control.restored RENAME TO revision;
       GRANT SELECT, INSERT ON control.revision TO tidegate_app;
       COMMIT`,
    );
    await eventually(() => guard.status().revision === 2);
    expect(guard.status().epoch).not.toBe(epoch);
    expect(guard.enter('order.create').allowed).toBe(false);
  });
});
