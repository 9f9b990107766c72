import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'stock-conservation',
  async plant(owner, world) {
    await owner.query({
      text: 'UPDATE core.stock SET reserved = reserved + 2, on_hand = on_hand - 2 WHERE sku_id = $1',
      values: [world.sku],
    });
    return { count: 1, amounts: { CNY: 2 * 7900 }, dirty: [String(world.sku)] };
  },
};
export default plant;
