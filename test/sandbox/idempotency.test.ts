import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aDeduction, aParcel, aTrade, fresh, never, type TestSandbox, testSandbox } from '../support/sandbox.ts';

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
});
afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await box.send('PUT', '/sandbox/settings', {});
});

const FIFTY = Array.from({ length: 50 });
const pay = (tradeNo: string, result = 'paid') => box.send('POST', `/sandbox/pay/${tradeNo}`, { result });

describe('trades', () => {
  it('open once, however often they are asked for', async () => {
    const trade = aTrade();
    const answers = await Promise.all(FIFTY.map(() => box.channel.init(trade, never)));
    const views = answers.map((answer) => (answer.kind === 'ok' ? answer.value : answer));
    expect(new Set(views.map((view) => JSON.stringify(view))).size).toBe(1);
    expect(views[0]).toMatchObject({ tradeNo: trade.tradeNo, state: 'open' });
    expect(await box.send('GET', `/sandbox/trades/${trade.tradeNo}`)).toMatchObject({
      status: 200,
      body: { state: 'open', requests: 50, amount: 7_900, merchantId: 'tidegate', tombstone: false },
    });
  });

  it('take money once, however often the shopper presses', async () => {
    const trade = aTrade();
    await box.channel.init(trade, never);
    const pressed = await Promise.all(FIFTY.map(() => pay(trade.tradeNo)));
    expect(pressed.every(({ status, body }) => status === 200 && body['state'] === 'paid')).toBe(true);
    expect(new Set(pressed.map(({ body }) => body['transactionId'])).size).toBe(1);
    const rows = await box.database.db.query({
      text: 'SELECT amount, currency FROM sandbox.effect WHERE key = $1',
      values: [trade.tradeNo],
    });
    expect(rows).toEqual([{ amount: 7_900, currency: 'CNY' }]);
    await eventually(() => expect(box.ear.about(trade.tradeNo)).toEqual(['trade.paid']));
  });

  it('end one way when the shopper and the merchant act at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const trade = aTrade();
      await box.channel.init(trade, never);
      const [paid, closed] = await Promise.all([pay(trade.tradeNo), box.channel.close(trade.tradeNo, never)]);
      const truth = (await box.send('GET', `/sandbox/trades/${trade.tradeNo}`)).body;
      expect(closed).toMatchObject({ kind: 'ok', value: { state: truth['state'] } });
      expect(paid.status).toBe(truth['state'] === 'paid' ? 200 : 409);
    }
  });

  it('answer a late close with what was paid', async () => {
    const trade = aTrade();
    await box.channel.init(trade, never);
    await pay(trade.tradeNo);
    expect(await box.channel.close(trade.tradeNo, never)).toMatchObject({
      kind: 'ok',
      value: { state: 'paid', amount: 7_900, currency: 'CNY', transactionId: expect.stringMatching(/^txn_/) },
    });
  });

  it('of one number at both channels are two trades', async () => {
    const trade = aTrade();
    await box.channel.init(trade, never);
    await box.channelB.init(trade, never);
    expect(await pay(trade.tradeNo)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await box.send('POST', `/sandbox/pay/${trade.tradeNo}?channel=sandbox-b`, { result: 'paid' })).toMatchObject(
      {
        status: 200,
      },
    );
    expect(await box.channel.query(trade.tradeNo, never)).toMatchObject({ value: { state: 'open' } });
    expect(await box.channelB.query(trade.tradeNo, never)).toMatchObject({ value: { state: 'paid' } });
    expect((await box.send('GET', `/sandbox/trades/${trade.tradeNo}`)).status).toBe(409);
  });

  it('known with another amount say nothing about either', async () => {
    const trade = aTrade();
    await box.channel.init(trade, never);
    expect(await box.channel.init({ ...trade, amount: 1 }, never)).toMatchObject({ kind: 'unknown' });
    expect(await box.channel.query(trade.tradeNo, never)).toMatchObject({ kind: 'ok', value: { state: 'open' } });
  });

  it.each(['failed', 'cancelled', 'closed'])('end as %s when the shopper or the channel says so', async (result) => {
    const trade = aTrade();
    await box.channel.init(trade, never);
    expect((await pay(trade.tradeNo, result)).body).toMatchObject({ state: result });
    expect(await pay(trade.tradeNo, 'paid')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    await eventually(() => expect(box.ear.about(trade.tradeNo)).toEqual([`trade.${result}`]));
  });
});

describe('tombstones', () => {
  it('refuse a trade that was closed before it came', async () => {
    const trade = aTrade();
    expect(await box.channel.close(trade.tradeNo, never)).toMatchObject({ kind: 'ok', value: { state: 'closed' } });
    expect(await box.channel.init(trade, never)).toMatchObject({ kind: 'refused' });
    expect((await pay(trade.tradeNo)).status).toBe(409);
    expect(await box.channel.query(trade.tradeNo, never)).toMatchObject({ kind: 'ok', value: { state: 'closed' } });
  });

  it('refuse a deduction that was rolled back before it came', async () => {
    const deduction = aDeduction();
    expect(await box.marketing.rollback(deduction, never)).toMatchObject({
      kind: 'ok',
      value: { state: 'rolled_back' },
    });
    expect(await box.marketing.deduct(deduction, never)).toMatchObject({ kind: 'refused' });
    // The resource itself is free for another attempt.
    expect(await box.marketing.deduct({ ...deduction, attemptId: fresh('pay') }, never)).toMatchObject({
      value: { state: 'deducted' },
    });
  });

  it('stop a parcel that was cancelled before it came', async () => {
    const parcel = aParcel();
    expect(await box.fulfilment.cancel(parcel.shipmentId, never)).toMatchObject({ value: { state: 'cancelled' } });
    expect(await box.fulfilment.init(parcel, never)).toMatchObject({ kind: 'ok', value: { state: 'cancelled' } });
  });

  it('and the request at once: one of them wins, and both say the same', async () => {
    for (let round = 0; round < 20; round += 1) {
      const trade = aTrade();
      const deduction = aDeduction();
      await Promise.all([box.channel.init(trade, never), box.channel.close(trade.tradeNo, never)]);
      await Promise.all([box.marketing.deduct(deduction, never), box.marketing.rollback(deduction, never)]);
      // Whoever came first, after a close nothing is open, and after a rollback nothing is held.
      expect(await box.channel.query(trade.tradeNo, never)).toMatchObject({ value: { state: 'closed' } });
      expect(await box.marketing.query(deduction, never)).toMatchObject({ value: { state: 'rolled_back' } });
    }
  });
});

describe('refunds', () => {
  const refund = (tradeNo: string, amount: number, refundNo = fresh('rfd')) => ({
    refundNo,
    tradeNo,
    amount,
    currency: 'CNY' as const,
  });
  async function paidTrade(): Promise<string> {
    const trade = aTrade();
    await box.channel.init(trade, never);
    await pay(trade.tradeNo);
    return trade.tradeNo;
  }

  it('pay back once per number', async () => {
    const asked = refund(await paidTrade(), 900);
    const answers = await Promise.all(FIFTY.map(() => box.channel.refund(asked, never)));
    expect(answers.every((answer) => answer.kind === 'ok' && answer.value.state === 'done')).toBe(true);
    expect((await box.send('GET', `/sandbox/trades/${asked.tradeNo}`)).body).toMatchObject({ refunded: 900 });
    await eventually(() => expect(box.ear.about(asked.refundNo)).toEqual(['refund.done']));
    expect(await box.channel.queryRefund(asked.refundNo, never)).toMatchObject({
      value: { state: 'done', amount: 900 },
    });
  });

  it('never pay back more than was taken, however many come at once', async () => {
    const tradeNo = await paidTrade();
    const answers = await Promise.all(FIFTY.map(() => box.channel.refund(refund(tradeNo, 1_000), never)));
    expect(answers.filter((answer) => answer.kind === 'ok' && answer.value.state === 'done')).toHaveLength(7);
    expect((await box.send('GET', `/sandbox/trades/${tradeNo}`)).body).toMatchObject({ refunded: 7_000 });
  });

  it('fail, and stay failed, without money to pay back', async () => {
    const trade = aTrade();
    const asked = refund(trade.tradeNo, 1);
    expect(await box.channel.refund(asked, never)).toMatchObject({ kind: 'ok', value: { state: 'failed' } });
    await box.channel.init(trade, never);
    await pay(trade.tradeNo);
    expect(await box.channel.refund(asked, never)).toMatchObject({ kind: 'ok', value: { state: 'failed' } });
    await eventually(() => expect(box.ear.about(asked.refundNo)).toEqual(['refund.failed']));
  });

  it('are under way for a while where the settings say so', async () => {
    await box.send('PUT', '/sandbox/settings', { refundDelayMs: 100 });
    const asked = refund(await paidTrade(), 900);
    expect(await box.channel.refund(asked, never)).toMatchObject({ value: { state: 'processing' } });
    await eventually(() => expect(box.ear.about(asked.refundNo)).toEqual(['refund.done']));
    expect(await box.channel.queryRefund(asked.refundNo, never)).toMatchObject({ value: { state: 'done' } });
  });

  it('of an unknown number are none', async () => {
    expect(await box.channel.queryRefund(fresh('rfd'), never)).toMatchObject({ kind: 'ok', value: { state: 'none' } });
  });
});

describe('a coupon', () => {
  it('is deducted once per attempt', async () => {
    const deduction = aDeduction();
    const answers = await Promise.all(FIFTY.map(() => box.marketing.deduct(deduction, never)));
    expect(answers.every((answer) => answer.kind === 'ok' && answer.value.state === 'deducted')).toBe(true);
    const rows = await box.database.db.query({
      text: 'SELECT kind FROM sandbox.effect WHERE key = $1',
      values: [`${deduction.attemptId} coupon ${deduction.resource}`],
    });
    expect(rows).toEqual([{ kind: 'coupon.deducted' }]);
  });

  it('and the points of one attempt are two resources, each deducted and given back once', async () => {
    const coupon = aDeduction();
    const points = {
      ...coupon,
      kind: 'points' as const,
      resource: fresh('order'),
      amount: 700,
      currency: 'PTS' as const,
    };
    for (const one of [coupon, points, points]) {
      expect(await box.marketing.deduct(one, never)).toMatchObject({ value: { state: 'deducted' } });
    }
    for (const one of [points, points, coupon]) {
      expect(await box.marketing.rollback(one, never)).toMatchObject({ value: { state: 'rolled_back' } });
    }
    const rows = await box.database.db.query({
      text: 'SELECT kind, amount, currency FROM sandbox.effect WHERE starts_with(key, $1) ORDER BY id',
      values: [`${coupon.attemptId} `],
    });
    expect(rows).toMatchObject([
      { kind: 'coupon.deducted' },
      { kind: 'points.deducted', amount: 700, currency: 'PTS' },
      { kind: 'points.rolled_back', amount: 700, currency: 'PTS' },
      { kind: 'coupon.rolled_back' },
    ]);
  });

  it('is held by one of fifty attempts, and free again after its rollback', async () => {
    const resource = fresh('coupon');
    const attempts = FIFTY.map(() => aDeduction(resource));
    const answers = await Promise.all(attempts.map((attempt) => box.marketing.deduct(attempt, never)));
    const winners = answers.flatMap((answer, i) => (answer.kind === 'ok' ? [attempts[i]] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter((answer) => answer.kind === 'refused')).toHaveLength(49);
    const [winner] = winners;
    if (winner === undefined) throw new Error('nobody won');
    await Promise.all(FIFTY.map(() => box.marketing.rollback(winner, never)));
    expect(await box.marketing.deduct(aDeduction(resource), never)).toMatchObject({ value: { state: 'deducted' } });
    // A refusal was given, and stands.
    const loser = attempts.find((attempt) => attempt !== winner);
    if (loser === undefined) throw new Error('nobody lost');
    expect(await box.marketing.deduct(loser, never)).toMatchObject({ kind: 'refused' });
    expect(await box.effects()).toMatchObject({ maxPerKey: 1, maxLivePerResource: 1, repeated: 0 });
  });
});

describe('parcels', () => {
  it('are taken on and delivered once', async () => {
    const parcel = aParcel();
    const answers = await Promise.all(FIFTY.map(() => box.fulfilment.init(parcel, never)));
    expect(answers.every(({ kind }) => kind === 'ok')).toBe(true);
    await eventually(() => expect(box.ear.about(parcel.shipmentId)).toEqual(['shipment.delivered']));
    expect(await box.fulfilment.query(parcel.shipmentId, never)).toMatchObject({
      value: { state: 'delivered', carrier: 'Sandbox Express', trackingNo: expect.stringMatching(/^SX/) },
    });
  });

  it('of virtual goods are one code a piece, the same whoever asks', async () => {
    const parcel = { ...aParcel(), goodsKind: 'virtual' as const };
    await box.fulfilment.init(parcel, never);
    await eventually(() => expect(box.ear.about(parcel.shipmentId)).toEqual(['shipment.delivered']));
    const told = box.ear.received.find(({ text }) => text.includes(parcel.shipmentId))?.body['codes'];
    const answer = await box.fulfilment.query(parcel.shipmentId, never);
    if (answer.kind !== 'ok') throw new Error(answer.reason);
    expect(answer.value.codes).toHaveLength(2);
    expect(new Set(answer.value.codes).size).toBe(2);
    expect(told).toEqual(answer.value.codes);
  });

  it('go step by step by hand, and can be cancelled until somebody packs them', async () => {
    await box.send('PUT', '/sandbox/settings', { fulfil: 'manual' });
    const [packed, left] = [aParcel(), aParcel()];
    await box.fulfilment.init(packed, never);
    await box.fulfilment.init(left, never);
    const step = (result: string) => box.send('POST', `/sandbox/shipments/${packed.shipmentId}`, { result });
    expect((await step('processing')).body).toMatchObject({ state: 'processing' });
    expect(await box.fulfilment.cancel(packed.shipmentId, never)).toMatchObject({ value: { state: 'processing' } });
    expect((await step('delivered')).body).toMatchObject({ state: 'delivered' });
    expect(await step('failed')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await box.fulfilment.cancel(left.shipmentId, never)).toMatchObject({ value: { state: 'cancelled' } });
    await eventually(() =>
      expect(box.ear.about(packed.shipmentId)).toEqual(['shipment.processing', 'shipment.delivered']),
    );
    expect(box.ear.about(left.shipmentId)).toEqual([]);
  });
});

it('shoppers pay by themselves when autopay is on', async () => {
  await box.send('PUT', '/sandbox/settings', { autopay: true, autopayDelayMs: 30 });
  const trades = FIFTY.map(() => aTrade());
  await Promise.all(trades.map((trade) => box.channel.init(trade, never)));
  await eventually(() => {
    for (const { tradeNo } of trades) expect(box.ear.about(tradeNo)).toEqual(['trade.paid']);
  });
  expect(await box.effects()).toMatchObject({ maxPerKey: 1, repeated: 0 });
});

describe('rooms', () => {
  const aStay = (lockId = fresh('room')) => ({
    lockId,
    orderId: '1700000000001345001',
    roomType: '100001',
    rooms: 1,
    checkIn: '2026-11-11',
    checkOut: '2026-11-12',
    guest: '李雷',
  });

  it('are kept once and freed once, however often they are asked for', async () => {
    const stay = aStay();
    const answers = await Promise.all(FIFTY.map(() => box.hotel.lock(stay, never)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({
      kind: 'ok',
      value: { state: 'locked', confirmation: expect.stringMatching(/^H/) },
    });
    await Promise.all(FIFTY.map(() => box.hotel.release(stay.lockId, never)));
    expect(await box.hotel.query(stay.lockId, never)).toMatchObject({ kind: 'ok', value: { state: 'released' } });
    const happened = 'SELECT kind, count(*) AS count FROM sandbox.effect WHERE key = $1 GROUP BY 1 ORDER BY 1';
    expect(await box.database.db.query({ text: happened, values: [stay.lockId] })).toEqual([
      { kind: 'room.locked', count: 1 },
      { kind: 'room.released', count: 1 },
    ]);
  });

  it('freed before they were asked for are refused, also to a request that a fault held back', async () => {
    const stay = aStay();
    await box.fault({ service: 'hotel', kind: 'delayed_past_next_query', operation: 'lock', count: 1 });
    expect(await box.hotel.lock(stay, never)).toMatchObject({ kind: 'unknown' });
    expect(await box.hotel.release(stay.lockId, never)).toMatchObject({ kind: 'ok', value: { state: 'released' } });
    expect(await box.hotel.query(stay.lockId, never)).toMatchObject({ kind: 'ok', value: { state: 'released' } });
    await box.fault();
    await eventually(async () => {
      const { body } = await box.send('GET', '/sandbox/rooms');
      expect(body['rooms']).toContainEqual(
        expect.objectContaining({ lockId: stay.lockId, requests: 1, tombstone: true }),
      );
    });
    expect(await box.hotel.lock(stay, never)).toMatchObject({ kind: 'ok', value: { state: 'refused' } });
  });
});
