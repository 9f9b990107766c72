import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase, type Tx } from '../../../core/kernel/db/database.ts';
import { CommitUnknown, DatabaseUnavailable } from '../../../core/kernel/db/failures.ts';
import { asAdmin } from '../../support/admin.ts';
import { silent, type TestDatabase, testDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { CuttableLine } from '../../support/proxy.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ poolSize: 3 });
  await asAdmin(
    database.ownerUrl,
    `CREATE TABLE core.thing (id integer PRIMARY KEY, note text, big bigint,
       twin integer REFERENCES core.thing (id) DEFERRABLE INITIALLY DEFERRED);
     GRANT ALL ON core.thing TO tidegate_app`,
  );
});
afterAll(() => database?.[Symbol.asyncDispose]());
beforeEach(() => database.db.query({ text: 'DELETE FROM core.thing' }));

const insert = (sql: Pick<Tx, 'query'>, id: number, twin: number | null = null): Promise<object[]> =>
  sql.query({
    name: 'thing_insert',
    text: 'INSERT INTO core.thing (id, twin) VALUES ($1, $2) RETURNING id',
    values: [id, twin],
  });
const ids = async (): Promise<number[]> =>
  (await database.db.query<{ id: number }>({ text: 'SELECT id FROM core.thing ORDER BY id' })).map(({ id }) => id);
const backendOf = async (tx: Tx): Promise<number> =>
  (await tx.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' }))[0]?.pid ?? 0;

describe('statements that are asked for together', () => {
  test('run in their order and each gets its own answer', async () => {
    const answers = await database.db.tx((tx) =>
      Promise.all([
        insert(tx, 1),
        tx.query({ text: 'SELECT count(*) AS n, $1::text AS said FROM core.thing', values: ['one'] }),
        insert(tx, 2),
        tx.query({ text: 'SELECT count(*) AS n, NULL::text AS said FROM core.thing' }),
        tx.query({ text: `UPDATE core.thing SET note = 'seen'` }),
      ]),
    );
    expect(answers).toEqual([[{ id: 1 }], [{ n: 1, said: 'one' }], [{ id: 2 }], [{ n: 2, said: null }], []]);
    expect(await ids()).toEqual([1, 2]);
  });

  test('are not run behind one that fails, and the transaction leaves nothing', async () => {
    const ends = await database.db
      .tx(async (tx) => {
        const settled = await Promise.allSettled([insert(tx, 1), insert(tx, 1), insert(tx, 3)]);
        for (const end of settled) if (end.status === 'rejected') throw Object.assign(end.reason, { settled });
      })
      .catch((error: { code: string; settled: PromiseSettledResult<unknown>[] }) => error);
    expect(ends).toMatchObject({ code: '23505' });
    expect(ends?.settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(ends?.settled[2]).toMatchObject({ reason: { name: 'Skipped', cause: { code: '23505' } } });
    expect(await ids()).toEqual([]);
  });

  test('do not spoil the connection for the next ones', async () => {
    const one = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await using _ = one;
    // A statement that no connection knows yet, behind one that fails: nobody can say whether it was parsed.
    const fails = (): Promise<unknown> =>
      one.tx((tx) => Promise.all([insert(tx, 1), insert(tx, 1), tx.query({ name: 'later', text: 'SELECT 1 AS n' })]));
    for (let i = 0; i < 3; i += 1) await expect(fails()).rejects.toMatchObject({ code: '23505' });
    expect(await one.query({ name: 'later', text: 'SELECT 1 AS n' })).toEqual([{ n: 1 }]);
    expect(await insert(one, 5)).toEqual([{ id: 5 }]);
    await expect(one.query({ name: 'broken', text: 'SELECT nothing_of_the_kind' })).rejects.toThrow(/does not exist/);
    await expect(one.query({ name: 'broken', text: 'SELECT nothing_of_the_kind' })).rejects.toThrow(/does not exist/);
  });

  test('that a name stands for another text is a mistake of ours, told at once', async () => {
    const one = await openDatabase({ url: database.appUrl, poolSize: 1, applicationName: 'test', log: silent });
    await using _ = one;
    await one.query({ name: 'same', text: 'SELECT 1 AS n' });
    await expect(one.query({ name: 'same', text: 'SELECT 2 AS n' })).rejects.toThrow(/the name of another statement/);
    expect(await one.query({ name: 'same', text: 'SELECT 1 AS n' })).toEqual([{ n: 1 }]);
  });
});

describe('a line on which nothing arrives any more', () => {
  test('is given up a little after the server would have ended the statement, and what it means is told', async () => {
    await using line = await CuttableLine.to(database.appUrl);
    const limits = { poolSize: 2, applicationName: 'test', log: silent, statementTimeoutMs: 300 };
    await using db = await openDatabase({ url: line.through(database.appUrl), ...limits });
    const read = db.tx(async (tx) => {
      await tx.query({ text: 'SELECT 1' });
      line.silence();
      return tx.query({ text: 'SELECT 2' });
    });
    await expect(read).rejects.toThrow(DatabaseUnavailable);
    line.mend();
    const written = db.tx(async (tx) => {
      await insert(tx, 1);
      line.silence();
    });
    await expect(written).rejects.toThrow(CommitUnknown);
    line.mend();
    expect(await db.query({ text: 'SELECT 3 AS n' })).toEqual([{ n: 3 }]);
  }, 20_000);

  test('has the time that a transaction asks for its statements', async () => {
    const limits = { poolSize: 1, applicationName: 'test', log: silent, statementTimeoutMs: 100 };
    await using db = await openDatabase({ url: database.appUrl, ...limits });
    const slow = { text: 'SELECT pg_sleep(0.2)' };
    await expect(db.query(slow)).rejects.toMatchObject({ code: '57014' });
    await db.tx((tx) => tx.query(slow), { statementTimeoutMs: 5_000 });
    await expect(db.query(slow)).rejects.toMatchObject({ code: '57014' });
  });
});

describe('a transaction', () => {
  test('that asks nothing costs nothing, and still is committed', async () => {
    let told = 0;
    await database.db.tx(async (tx) => {
      tx.afterCommit(() => {
        told += 1;
      });
    });
    expect(told).toBe(1);
  });

  test('that could not be begun runs nothing: a statement would commit by itself', async () => {
    const url = new URL(database.appUrl);
    const one = await openDatabase({ url: url.toString(), poolSize: 1, applicationName: 'test', log: silent });
    await using _ = one;
    const wrong = 'no such level' as 'serializable';
    const attempt = one.tx(
      async (tx) => {
        const together = await Promise.allSettled([insert(tx, 1), insert(tx, 2)]);
        const later = await Promise.allSettled([insert(tx, 3)]);
        throw Object.assign(new Error('looked'), { ends: [...together, ...later].map(({ status }) => status) });
      },
      { isolation: wrong },
    );
    await expect(attempt).rejects.toMatchObject({ ends: ['rejected', 'rejected', 'rejected'] });
    expect(await ids()).toEqual([]);
    expect(await insert(one, 4)).toEqual([{ id: 4 }]);
  });

  test('whose failure nobody noticed does not pass for committed', async () => {
    let told = 0;
    const attempt = database.db.tx(async (tx) => {
      tx.afterCommit(() => {
        told += 1;
      });
      await insert(tx, 1);
      await insert(tx, 1).catch(() => undefined);
    });
    await expect(attempt).rejects.toThrow(/had failed before its commit/);
    expect(told).toBe(0);
    expect(await ids()).toEqual([]);
  });

  test('whose commit is refused leaves nothing', async () => {
    await expect(database.db.tx((tx) => insert(tx, 1, 99))).rejects.toMatchObject({ code: '23503' });
    await expect(insert(database.db, 2, 99)).rejects.toMatchObject({ code: '23503' });
    expect(await ids()).toEqual([]);
  });

  test('whose connection dies says that the database went away, and the next one gets a new connection', async () => {
    const die = async (tx: Tx): Promise<void> => {
      await insert(tx, 1);
      const pid = await backendOf(tx);
      await Promise.allSettled([
        tx.query({ text: 'SELECT pg_sleep(20)' }),
        asAdmin(database.adminUrl, `SELECT pg_terminate_backend(${pid})`),
      ]);
      await insert(tx, 2);
    };
    await expect(database.db.tx(die)).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await ids()).toEqual([]);
  });

  test('whose connection dies before the commit was answered may stand or not', async () => {
    const die = async (tx: Tx): Promise<void> => {
      await insert(tx, 1);
      const pid = await backendOf(tx);
      await asAdmin(database.adminUrl, `SELECT pg_terminate_backend(${pid})`);
    };
    await expect(database.db.tx(die)).rejects.toBeInstanceOf(CommitUnknown);
    expect(await ids()).toEqual([]);
  });
});

describe('values', () => {
  test('come back as they are meant', async () => {
    const at = new Date('2026-11-11T00:00:00.123Z');
    const [row] = await database.db.query({
      text: `SELECT $1::timestamptz AS at, $2::text[] AS texts, $3::jsonb AS json, $4::boolean AS yes, $5::bigint AS big,
        $6::text AS none, '' AS empty, $7::bigint[] AS numbers`,
      values: [at, ['a"b', '{,}', null], JSON.stringify({ a: [1] }), true, 2 ** 53 - 1, null, [1, 2]],
    });
    expect(row).toEqual({
      at,
      texts: ['a"b', '{,}', null],
      json: { a: [1] },
      yes: true,
      big: 2 ** 53 - 1,
      none: null,
      empty: '',
      numbers: ['1', '2'],
    });
  });

  test('an integer that a number cannot hold is refused, and only that statement with it', async () => {
    const [big, small] = await database.db.tx((tx) =>
      Promise.allSettled([
        tx.query({ text: 'SELECT 9007199254740993::bigint AS n' }),
        tx.query({ text: 'SELECT 1 AS n' }),
      ]),
    );
    expect(big).toMatchObject({ status: 'rejected', reason: { message: /does not fit a safe integer/ } });
    expect(small).toEqual({ status: 'fulfilled', value: [{ n: 1 }] });
  });

  test('a column that is added while statements are prepared does not mix up their answers', async () => {
    await insert(database.db, 1);
    const read = (): Promise<object[]> => database.db.query({ name: 'thing_all', text: 'SELECT * FROM core.thing' });
    const before = await read();
    await asAdmin(database.ownerUrl, 'ALTER TABLE core.thing ADD COLUMN more text');
    // The server refuses a plan whose columns changed; the statement is prepared anew for the next.
    await read().catch(() => undefined);
    await read().catch(() => undefined);
    await read().catch(() => undefined);
    expect(await read()).toEqual([{ ...before[0], more: null }]);
  });
});

describe('statements that travel with the commit', () => {
  test('are committed with it, and their outcome is there afterwards', async () => {
    const outcome = await database.db.tx(async (tx) => {
      await insert(tx, 1);
      return { last: tx.withCommit(() => insert(tx, 2)) };
    });
    expect(await outcome.last).toEqual([{ id: 2 }]);
    expect(await ids()).toEqual([1, 2]);
  });

  test('end the transaction when one of them fails: nothing is committed behind it', async () => {
    let told = 0;
    const attempt = database.db.tx(async (tx) => {
      tx.afterCommit(() => {
        told += 1;
      });
      await insert(tx, 1);
      void tx.withCommit(() => insert(tx, 1));
      void tx.withCommit(() => insert(tx, 2));
    });
    await expect(attempt).rejects.toMatchObject({ code: '23505' });
    expect(told).toBe(0);
    expect(await ids()).toEqual([]);
    expect(await insert(database.db, 3)).toEqual([{ id: 3 }]);
  });

  test('are not run when the transaction fails before', async () => {
    const attempt = database.db.tx(async (tx) => {
      await insert(tx, 1);
      void tx.withCommit(() => insert(tx, 2));
      throw new Error('changed its mind');
    });
    await expect(attempt).rejects.toThrow('changed its mind');
    expect(await ids()).toEqual([]);
  });
});

describe('a transaction that is over', () => {
  test('takes no more statements, so that none runs in the next one of its connection', async () => {
    await using alone = await openDatabase({
      url: database.appUrl,
      poolSize: 1,
      applicationName: 'alone',
      log: silent,
    });
    let late: Promise<object[]> | undefined;
    const failed = alone.tx(async (tx) => {
      await insert(tx, 1);
      const other = Promise.withResolvers<void>();
      late = other.promise.then(() => insert(tx, 2));
      late.catch(() => undefined);
      queueMicrotask(() => setImmediate(other.resolve));
      throw new Error('one branch gave up');
    });
    await expect(failed).rejects.toThrow('one branch gave up');
    await alone.tx((tx) => insert(tx, 3));
    await expect(late).rejects.toThrow(/broken invariant: the transaction is over/);
    expect(await ids()).toEqual([3]);
  });

  test('was ended by the server because it stood idle: nothing of it stays, and nobody waits for its locks', async () => {
    const shown = await database.db.query({ text: 'SHOW idle_in_transaction_session_timeout' });
    expect(shown).toEqual([{ idle_in_transaction_session_timeout: '10s' }]);
    const stood = database.db.tx(async (tx) => {
      await tx.query({ text: `SELECT set_config('idle_in_transaction_session_timeout', '50', true)` });
      await insert(tx, 1);
      const pid = await backendOf(tx);
      await eventually(async () =>
        expect(
          await database.db.query({ text: 'SELECT 1 FROM pg_stat_activity WHERE pid = $1', values: [pid] }),
        ).toEqual([]),
      );
      await insert(tx, 2);
    });
    await expect(stood).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await ids()).toEqual([]);
  });
});

describe('a server without disk or memory left', () => {
  const full = { text: `DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$` };

  test('refuses a statement as a database that cannot be used, whose connection is as good as before', async () => {
    await expect(database.db.query(full)).rejects.toThrow(DatabaseUnavailable);
    let before = 0;
    const failed = database.db.tx(async (tx) => {
      before = await backendOf(tx);
      await insert(tx, 1);
      await tx.query(full);
    });
    await expect(failed).rejects.toThrow('the database cannot take it (could not extend file)');
    expect(await ids()).toEqual([]);
    const all = Promise.withResolvers<void>();
    const backends = new Set<number>();
    const take = (): Promise<void> =>
      database.db.tx(async (tx) => {
        backends.add(await backendOf(tx));
        if (backends.size === 3) all.resolve();
        await all.promise;
      });
    await Promise.all([take(), take(), take()]);
    expect(backends).toContain(before);
  });
});
