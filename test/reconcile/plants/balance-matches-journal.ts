import { writeCheckpoints } from '../../../core/ledger/checkpoints.ts';
import { eventually } from '../../support/eventually.ts';
import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'balance-matches-journal',
  async plant(owner, world) {
    // Behind the horizon, which a transaction of another test may hold back for a moment.
    await eventually(async () => {
      await writeCheckpoints(world.ctx);
      const rows = await owner.query({ text: `SELECT FROM core.checkpoint WHERE account_id = 'clearing:sandbox:CNY'` });
      return rows.length > 0;
    });
    await owner.query({
      text: `UPDATE core.checkpoint SET balance = balance + 500 WHERE account_id = 'clearing:sandbox:CNY'`,
    });
    await owner.query({
      text: `INSERT INTO core.account (id, kind, currency, floor, balance, sequence, created_at)
        VALUES ('wallet:42:CNY', 'wallet', 'CNY', 0, 300, 0, now())`,
    });
    // One whose balance is right, and which counts an entry more than it has.
    await owner.query({
      text: `INSERT INTO core.account (id, kind, currency, floor, balance, sequence, created_at)
        VALUES ('points:42:PTS', 'points', 'PTS', 0, 0, 1, now())`,
    });
    const dirty = ['clearing:sandbox:CNY', 'wallet:42:CNY', 'points:42:PTS'];
    return { count: 3, amounts: { CNY: 800, PTS: 0 }, dirty };
  },
};
export default plant;
