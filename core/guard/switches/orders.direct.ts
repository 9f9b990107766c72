import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'orders.direct',
  kind: 'boolean',
  default: true,
  effect:
    'New orders are stored up: shoppers get a ticket and a place in one queue, which is drained at the capacity rate. Turned on again, it drains first.',
  effectZh: '新订单进入蓄洪队列：用户获得排队号与位置，系统按容量速率依次创单；恢复后先排空队列再直接创单。',
  owner: 'orders',
  fundLoss: false,
  closes: [],
  retryAfterMs: 0,
} satisfies SwitchDeclaration;
