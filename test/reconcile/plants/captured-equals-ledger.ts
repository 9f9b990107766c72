import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'captured-equals-ledger',
  async plant(owner, _world, clean) {
    await owner.query({
      text: `UPDATE core.capture SET amount = amount + 100 WHERE pay_order_id = $1 AND kind = 'effective'`,
      values: [clean.paid],
    });
    await owner.query({
      text: `UPDATE core.capture SET amount = amount - 900 WHERE pay_order_id = $1 AND kind = 'late'`,
      values: [clean.cancelled],
    });
    return { count: 2, amounts: { CNY: 1000 }, dirty: [clean.paid, clean.cancelled] };
  },
};
export default plant;
