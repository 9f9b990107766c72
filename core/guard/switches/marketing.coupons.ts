import type { SwitchDeclaration } from '../declarations.ts';

export default {
  key: 'marketing.coupons',
  kind: 'boolean',
  default: true,
  effect:
    'New orders ignore coupon codes and say so in a notice: shoppers pay the full price. Orders already priced still use theirs.',
  effectZh: '新订单跳过优惠券并提示用户按原价支付；已计价的订单仍按原优惠扣减。',
  owner: 'marketing',
  fundLoss: false,
  closes: [],
  retryAfterMs: 0,
} satisfies SwitchDeclaration;
