import type { Plant } from '../plant.ts';

/** A pool of five pieces with three codes. */
const plant: Plant = {
  id: 'codes-conserved',
  async plant(owner, world) {
    const rows = await owner.query<{ id: number }>({
      text: `INSERT INTO core.sku (spu_id, name, attributes, currency, price, stock_mode, snapshot_id, created_at)
        SELECT spu_id, 'codes', '[]', currency, 5000, 'codes', snapshot_id, created_at FROM core.sku WHERE id = $1 RETURNING id`,
      values: [world.sku],
    });
    const id = rows[0]?.id ?? 0;
    await owner.query({
      text: `WITH stocked AS (
          INSERT INTO core.stock (sku_id, warehouse_id, on_hand, initial, inbound) VALUES ($1, 1, 5, 0, 5)
        ) INSERT INTO core.stock_code (sku_id, warehouse_id, movement_id, code, digest)
          SELECT $1, 1, 1, 'planted ' || n, md5(n::text) FROM generate_series(1, 3) n`,
      values: [id],
    });
    return { count: 1, amounts: { CNY: 2 * 5000 }, dirty: [String(id)] };
  },
};
export default plant;
