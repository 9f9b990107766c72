import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'stock.direct',
  kind: 'boolean',
  default: true,
  effect:
    'Every counted SKU is treated as hot from now on: orders reserve in batches before their own transaction, without waiting until lock waits show the heat.',
  effectZh: '所有计数库存按热点处理：下单前合并预占，无需等待系统从锁等待中识别热点。',
  owner: 'stock',
  fundLoss: false,
  closes: [],
  retryAfterMs: 0,
} satisfies SwitchDeclaration;
