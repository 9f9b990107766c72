import { createRouter, json, jsonBody, route } from '../kernel/http/route.ts';
import { wire } from '../kernel/http/wire.ts';
import { answer, contradiction } from './edge.ts';
import { findRoom, lockRoom, type RoomRow, releaseRoom } from './rooms.ts';
import { key, type RoomAnswer, roomAnswer, roomBody } from './wire.ts';
import type { World } from './world.ts';

const open = {
  access: 'open' as const,
  tags: ['hotel'],
  responses: { 200: json(roomAnswer, 'The rooms; 404 `{"state":"none"}`: no record.') },
};
const params = wire.object({ lockId: key });

const STAY = {
  lockId: 'room_1',
  orderId: '1795557627000001001',
  roomType: '100001',
  rooms: 1,
  checkIn: '2026-11-11',
  checkOut: '2026-11-13',
  guest: 'Li Lei',
};

const routes = {
  lock: route({
    ...open,
    method: 'post',
    path: '/hotel/locks',
    summary: 'Keeps rooms for a stay, once per key',
    request: { body: jsonBody(roomBody, STAY) },
  }),
  query: route({
    ...open,
    method: 'get',
    path: '/hotel/locks/{lockId}',
    summary: 'The rooms as they stand',
    request: { params },
  }),
  release: route({
    ...open,
    method: 'post',
    path: '/hotel/locks/{lockId}/release',
    summary: 'Frees rooms; an unknown key is freed in advance',
    request: { params },
  }),
};

const NONE = { state: 'none' } as const;

export function hotelRoutes(world: World) {
  const router = createRouter();
  const { db } = world;
  router.openapi(routes.lock, async (c) => {
    const input = c.req.valid('json');
    return answer(world, c, {
      where: { service: 'hotel', operation: 'lock' },
      work: async (refuseFor) =>
        lockView((await lockRoom(db, input, refuseFor)) ?? contradiction(`Room lock ${input.lockId}`)),
      late: { operation: 'lockRoom', key: `room ${input.lockId}`, input },
    });
  });
  router.openapi(routes.query, async (c) => {
    const { lockId } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'hotel', operation: 'query' },
      asksFor: `room ${lockId}`,
      work: async () => {
        const row = await findRoom(db, lockId);
        return row === null ? NONE : roomView(row);
      },
    });
  });
  router.openapi(routes.release, async (c) => {
    const { lockId } = c.req.valid('param');
    return answer(world, c, {
      where: { service: 'hotel', operation: 'release' },
      work: async (refuseFor) => {
        if (refuseFor === null) return roomView(await releaseRoom(world, lockId));
        const row = await findRoom(db, lockId);
        return row === null ? NONE : { ...roomView(row), reason: refuseFor };
      },
    });
  });
  return router;
}

function roomView(row: RoomRow): RoomAnswer {
  return {
    lockId: row.lock_id,
    state: row.state,
    ...(row.confirmation === null ? {} : { confirmation: row.confirmation }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** To a request that comes after the release, the tombstone is a clear no. */
function lockView(row: RoomRow): RoomAnswer {
  return row.tombstone
    ? { ...roomView(row), state: 'refused', reason: 'it was released before this request arrived' }
    : roomView(row);
}
