import { systemClock } from '../../../core/kernel/clock.ts';
import * as booking from '../../../core/ledger/booking.ts';
import { post } from '../../../core/ledger/ledger.ts';
import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'balance-after',
  async plant(owner, world) {
    for (const [i, amount] of [1_000, 500, 20].entries()) {
      const fact = { reference: `topup-${i}`, payOrderId: null, reason: 'a test', orderId: null };
      const posting = booking.walletToppedUp({ ...fact, userId: 42, currency: 'CNY', amount });
      await world.ctx.db.tx((tx) => post(tx, systemClock, posting));
    }
    await owner.query({ text: 'ALTER TABLE core.entry DISABLE TRIGGER entry_append_only' });
    // The second leaves 300 too much, so that the third does not follow on it either; the fourth has a gap before it.
    await owner.query({
      text: `UPDATE core.entry SET balance_after = balance_after + 300 WHERE account_id = 'wallet:42:CNY' AND account_sequence = 2`,
    });
    await owner.query({
      text: `WITH p AS (INSERT INTO core.posting (kind, reference, reason, at) VALUES ('correction', 'gap', 'planted', now()) RETURNING id)
        INSERT INTO core.entry (posting_id, account_id, amount, currency, account_sequence, balance_after, at)
        SELECT id, 'wallet:42:CNY', -7, 'CNY', 5, 7, now() FROM p`,
    });
    await owner.query({ text: 'ALTER TABLE core.entry ENABLE TRIGGER entry_append_only' });
    return { count: 3, amounts: { CNY: 600 } };
  },
};
export default plant;
