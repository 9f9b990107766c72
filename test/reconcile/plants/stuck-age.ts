import { addMs } from '../../../core/kernel/clock.ts';
import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'stuck-age',
  async plant(owner, world, clean) {
    const hourAgo = addMs(world.clock.now(), -3_600_000);
    await owner.query({
      text: `UPDATE core.payment SET state = 'P5', state_since = $2 WHERE pay_order_id = $1`,
      values: [clean.cancelled, hourAgo],
    });
    await owner.query({
      text: `UPDATE core.shipment SET person_reason = 'the service contradicts itself', due_at = NULL
        WHERE pay_order_id = $1`,
      values: [clean.paid],
    });
    return { count: 2, amounts: { CNY: 7900 + 7900 } };
  },
};
export default plant;
