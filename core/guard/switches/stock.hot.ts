import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'stock.hot',
  kind: 'boolean',
  default: true,
  effect:
    'Pieces of hot SKUs are reserved one order at a time again, in the transaction of each order, instead of many in one; slower, never wrong.',
  effectZh: '停用热点库存合并扣减：热点 SKU 恢复逐单扣减，变慢但不会超卖。',
  owner: 'stock',
  fundLoss: false,
  closes: [],
  retryAfterMs: 0,
} satisfies SwitchDeclaration;
