import { describe, expect, it } from 'vitest';
import { LineWriter, redact } from '../../core/kernel/log.ts';
import { withSpan } from '../../core/kernel/tracing.ts';
import { collectingLog } from '../support/app.ts';

const TOKEN = `tg_0123456789abcdef_${'S'.repeat(43)}`;
const WEBHOOK_SECRET = `whsec_${'A'.repeat(32)}`;

describe('a line of the log', () => {
  it('is one line of JSON with level, time, process and message', () => {
    const { log, lines, records } = collectingLog();
    log.info({ orderId: 'o1' }, 'two\nlines');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(records()[0]).toMatchObject({
      level: 'info',
      process: 'test',
      instance: 'test-1',
      orderId: 'o1',
      msg: 'two\nlines',
    });
    expect(records()[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('carries the trace it belongs to, and none outside of one', async () => {
    const { log, records } = collectingLog();
    const traceId = await withSpan('work', {}, async (span) => {
      log.info('inside');
      return span.traceId;
    });
    log.info('outside');
    expect(records().map((record) => record['traceId'])).toEqual([traceId, undefined]);
  });

  it('tells an error with its causes', () => {
    const { log, lines } = collectingLog();
    log.error({ err: new Error('could not read', { cause: new Error('ECONNRESET') }) }, 'broke');
    expect(lines[0]).toContain('could not read');
    expect(lines[0]).toContain('ECONNRESET');
  });

  it.each([
    ['a header', { headers: { authorization: `Bearer ${TOKEN}` } }],
    ['a raw header list', { rawHeaders: ['Authorization', `Bearer ${TOKEN}`] }],
    ['a member at any depth', { a: { b: { c: [{ instanceToken: TOKEN, password: 'hunter2' }] } } }],
    ['a list of cookies', { 'set-cookie': ['sid=hunter2'], cookie: ['a=hunter2', 'b'] }],
    ['a message', { note: `the token ${TOKEN} was refused` }],
    ['a database URL', { url: 'postgres://app:hunter2@db:5432/x' }],
    ['an error', { err: new Error(`connect to postgresql://app:hunter2@db/x failed with ${WEBHOOK_SECRET}`) }],
    ['a webhook secret', { webhookSecret: WEBHOOK_SECRET, text: `signed with ${WEBHOOK_SECRET}.` }],
    ['a quoted value', { secret: 'hun"ter2 \\ hunter2' }],
    ['an OTLP endpoint', { otlp: 'https://key:hunter2@collector/v1' }],
  ])('holds no secret out of %s', (_what, fields) => {
    const { log, lines } = collectingLog();
    log.info(fields, 'x');
    expect(() => JSON.parse(lines[0] ?? '')).not.toThrow();
    for (const secret of ['hunter2', 'ter2', 'S'.repeat(43), 'A'.repeat(32)]) expect(lines[0]).not.toContain(secret);
  });

  it('keeps what is no secret', () => {
    const line =
      '{"tokenId":"0123456789abcdef","url":"http://127.0.0.1:4601/x?a=b@c","tokens":3,"msg":"tg_0123456789abcdef"}';
    expect(redact(line)).toBe(line);
  });
});

describe('a log that cannot be written', () => {
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

  it('breaks nobody; the next line that is taken says how many are missing', () => {
    let text = '';
    let room = 8;
    const writer = new LineWriter((bytes) => {
      if (room === 0) throw full;
      const taken = Math.min(room, bytes.length);
      room -= taken;
      text += Buffer.from(bytes.subarray(0, taken)).toString('utf8');
      return taken;
    });
    writer.write('{"a":1}\n');
    for (const n of [2, 3, 4]) writer.write(`{"a":${n}}\n`);
    room = 2;
    writer.write('{"a":5}\n');
    room = 1_000;
    writer.write('{"a":6}\n');
    expect(text.split('\n')).toEqual([
      '{"a":1}',
      '{"',
      '{"level":"warn","msg":"4 lines of this log could not be written"}',
      '{"a":6}',
      '',
    ]);
  });

  it('waits for a slow reader, and not for ever', () => {
    const busy = Object.assign(new Error('try again'), { code: 'EAGAIN' });
    let text = '';
    let tries = 0;
    const slow = new LineWriter((bytes) => {
      tries += 1;
      if (tries % 2 === 1) throw busy;
      text += Buffer.from(bytes.subarray(0, 3)).toString('utf8');
      return Math.min(3, bytes.length);
    });
    slow.write('{"a":1}\n');
    expect(text).toBe('{"a":1}\n');
    const stuck = new LineWriter(() => {
      throw busy;
    });
    stuck.write('{"a":1}\n');
  });
});
