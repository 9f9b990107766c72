import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'entry.order.create',
  kind: 'boolean',
  default: true,
  effect:
    'New orders are refused with 503 and Retry-After; orders already placed can still be paid, shipped and refunded.',
  effectZh: '拒绝创建新订单（503，带 Retry-After）；已创建的订单仍可支付、履约、退款。',
  owner: 'orders',
  fundLoss: false,
  closes: ['order.create'],
  retryAfterMs: 30_000,
} satisfies SwitchDeclaration;
