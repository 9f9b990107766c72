import { parkEvent } from '../../../core/bus/bus.store.ts';
import type { ExampleRuns, Stage } from '../stage.ts';

/** A consumer that has set the first event of all aside. */
const parked = async ({ ctx }: Stage) => {
  const [event] = await ctx.db.query<{ id: number }>({ text: 'SELECT min(id) AS id FROM core.event' });
  const eventId = event?.id ?? 0;
  await ctx.db.query({
    text: `INSERT INTO core.consumer (name, xid, event_id) VALUES ('statistics', '3', 0)`,
  });
  await parkEvent(ctx.db, 'statistics', eventId, 'the search index does not answer', ctx.clock.now());
  return { params: { name: 'statistics', eventId: String(eventId) } };
};

export default {
  id: 'bus',
  runs: {
    'GET /v1/consumers': { setUp: parked },
    'GET /v1/consumers/{name}/parked': { setUp: parked },
    'POST /v1/consumers/{name}/parked/{eventId}/retry': { setUp: parked },
    'POST /v1/consumers/{name}/parked/{eventId}/dismiss': { setUp: parked },
    'POST /v1/consumers/{name}/replay': {
      setUp: async (stage) => ({
        ...(await parked(stage)),
        body: (example) => ({ ...example, from: { kind: 'beginning' } }),
      }),
    },
    'GET /v1/statistics': {},
    'GET /v1/users/{userId}/notifications': { setUp: async () => ({ params: { userId: '1001' } }) },
  },
} satisfies ExampleRuns;
