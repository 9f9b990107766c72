import type { Machine } from '../kernel/machine.ts';

/**
 * A campaign (优惠活动). Paused, it grants nothing and none of its coupons can be put on an order; what orders hold
 * already is paid with. It has no deadline of its own: its coupons do.
 */
export const campaignMachine = {
  name: 'campaign',
  table: 'core.campaign',
  start: 'ACTIVE',
  states: {
    ACTIVE: { name: 'CAMPAIGN_ACTIVE', to: ['PAUSED', 'ENDED'], care: 'person' },
    PAUSED: { name: 'CAMPAIGN_PAUSED', to: ['ACTIVE', 'ENDED'], care: 'person' },
    ENDED: { name: 'CAMPAIGN_ENDED', to: [], care: 'end' },
  },
} as const satisfies Machine;

export type CampaignState = keyof typeof campaignMachine.states;
