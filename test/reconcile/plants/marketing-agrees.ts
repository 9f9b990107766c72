import type { Plant } from '../plant.ts';

/** Two pay orders of the clean data have a coupon of 10.00: one was shipped with it, one was refunded and gave it back. */
const plant: Plant = {
  id: 'marketing-agrees',
  async plant(owner, _world, clean) {
    await owner.query({
      text: `UPDATE core.coupon SET state = 'available', pay_order_id = NULL WHERE pay_order_id = $1`,
      values: [clean.shipped],
    });
    await owner.query({
      text: `UPDATE core.deduction SET state = 'DEDUCTED' WHERE pay_order_id = $1`,
      values: [clean.refunded],
    });
    return { count: 2, amounts: { CNY: 2_000 }, dirty: [clean.shipped, clean.refunded] };
  },
};
export default plant;
