import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'marketing.points',
  kind: 'boolean',
  default: true,
  effect:
    'New orders ignore points and say so in a notice: shoppers pay in money. Orders already priced still use theirs, and points are still earned.',
  effectZh: '新订单跳过积分抵扣并提示用户；已计价的订单仍按原积分扣减，积分照常发放。',
  owner: 'marketing',
  fundLoss: false,
  closes: [],
  retryAfterMs: 0,
} satisfies SwitchDeclaration;
