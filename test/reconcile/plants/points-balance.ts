import { grantPoints } from '../../../core/marketing/points.ts';
import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'points-balance',
  async plant(owner, world) {
    for (const userId of [901, 902, 903]) {
      const granted = await grantPoints(
        world.ctx,
        'a merchant',
        { userId, points: 500, reason: 'a test' },
        `plant-${userId}`,
      );
      if (!granted.ok) throw new Error(granted.detail);
    }
    await owner.query({ text: 'UPDATE core.points_lot SET rest = rest - 7 WHERE user_id = 901' });
    await owner.query({
      text: `INSERT INTO core.points_hold (pay_order_id, user_id, points, state, lots, expires_at, created_at)
        VALUES ('planted', 902, 30, 'locked', '[]', now(), now())`,
    });
    return { count: 2, amounts: { PTS: 37 }, dirty: ['points:901:PTS', 'points:902:PTS', 'points:903:PTS'] };
  },
};
export default plant;
