import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'callback-conflict',
  async plant(owner, world) {
    const rows = await owner.query<{ id: string }>({
      text: `INSERT INTO core.callback_conflict (source, event_id, reason, body, received_at) VALUES
        ('sandbox', 'evt_1', 'asked for 7900 CNY, the channel says 8800 CNY', '{"amount": 8800, "currency": "CNY"}', $1),
        ('sandbox', 'evt_2', 'signed, but not in the contract', '{"amount": "many"}', $1) RETURNING id::text`,
      values: [world.clock.now()],
    });
    return { count: 2, amounts: { CNY: 8800, XXX: 0 }, dirty: rows.map(({ id }) => id) };
  },
};
export default plant;
