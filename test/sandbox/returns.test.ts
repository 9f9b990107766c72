import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type TestSandbox, testSandbox } from '../support/sandbox.ts';

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
});
afterAll(() => box?.[Symbol.asyncDispose]());

const never = new AbortController().signal;
const goods = (returnNo: string) => ({
  returnNo,
  orderId: '1795557627000001001',
  lines: [{ skuId: '1', name: 'T-shirt', quantity: 1 }],
});

describe('returns at the fulfilment service', () => {
  test('are taken on once per number, arrive once, and are told of', async () => {
    const twice = await Promise.all([1, 2].map(() => box.fulfilment.returnInit(goods('ref_1'), never)));
    for (const answer of twice) expect(answer).toMatchObject({ kind: 'ok', value: { returnNo: 'ref_1' } });
    await eventually(() => expect(box.ear.about('ref_1')).toEqual(['return.received']));
    expect(await box.fulfilment.returnQuery('ref_1', never)).toMatchObject({ value: { state: 'received' } });
    const { body } = await box.send('GET', '/sandbox/effects');
    expect(body).toMatchObject({ maxPerKey: 1, returns: [{ state: 'received', count: 1 }] });
  });

  test('no record is none; a no is kept; a lost reply was work done', async () => {
    expect(await box.fulfilment.returnQuery('ref_none', never)).toMatchObject({ value: { state: 'none' } });
    const fault = (kind: string) => ({
      seed: 1,
      faults: [{ service: 'fulfilment', operation: 'returnInit', kind, count: 1 }],
    });
    await box.send('PUT', '/sandbox/faults', fault('refused'));
    expect(await box.fulfilment.returnInit(goods('ref_no'), never)).toMatchObject({ value: { state: 'failed' } });
    expect(await box.fulfilment.returnInit(goods('ref_no'), never)).toMatchObject({ value: { state: 'failed' } });
    await box.send('PUT', '/sandbox/faults', fault('reply_lost'));
    expect(await box.fulfilment.returnInit(goods('ref_lost'), never)).toMatchObject({ kind: 'unknown' });
    await eventually(() => expect(box.ear.about('ref_lost')).toEqual(['return.received']));
    await box.send('DELETE', '/sandbox/faults');
  });

  test('wait for the warehouse when told to', async () => {
    await box.send('PUT', '/sandbox/settings', { fulfil: 'manual' });
    expect(await box.fulfilment.returnInit(goods('ref_2'), never)).toMatchObject({ value: { state: 'accepted' } });
    const step = (result: string) => box.send('POST', '/sandbox/returns/ref_2', { result });
    expect((await step('processing')).body).toMatchObject({ state: 'processing' });
    expect((await step('failed')).body).toMatchObject({ state: 'failed' });
    expect((await step('received')).status).toBe(409);
    await eventually(() => expect(box.ear.about('ref_2')).toEqual(['return.processing', 'return.failed']));
  });
});
