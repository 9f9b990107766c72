import type { Machine } from '../kernel/machine.ts';

/**
 * The product's life cycle (商品生命周期). Nothing here has a deadline: a product waits for the people who sell it, for
 * the auditor, or for its stock. Source: the seed's product states; spec 02 "Catalogue".
 */
export const productMachine = {
  name: 'product',
  table: 'core.spu',
  start: 'DRAFT',
  states: {
    DRAFT: { name: 'DRAFT', to: ['PENDING_AUDIT', 'DELETED'], care: 'person' },
    PENDING_AUDIT: { name: 'PENDING_AUDIT', to: ['AUDIT_REJECTED', 'AUDIT_APPROVED'], care: 'person' },
    AUDIT_REJECTED: { name: 'AUDIT_REJECTED', to: ['PENDING_AUDIT', 'DELETED'], care: 'person' },
    AUDIT_APPROVED: { name: 'AUDIT_APPROVED', to: ['ON_SHELF', 'DELETED'], care: 'person' },
    ON_SHELF: { name: 'ON_SHELF', to: ['OFF_SHELF', 'SOLD_OUT', 'FROZEN'], care: 'person' },
    OFF_SHELF: { name: 'OFF_SHELF', to: ['ON_SHELF', 'FROZEN', 'DELETED'], care: 'person' },
    SOLD_OUT: { name: 'SOLD_OUT', to: ['ON_SHELF', 'OFF_SHELF', 'FROZEN'], care: 'person' },
    FROZEN: { name: 'FROZEN', to: ['OFF_SHELF', 'DELETED'], care: 'person' },
    DELETED: { name: 'DELETED', to: [], care: 'end' },
  },
} as const satisfies Machine;

export type ProductState = keyof typeof productMachine.states;

/** The source's numbers for the states: the codes on the wire. */
export const PRODUCT_STATE_CODES: Readonly<Record<ProductState, string>> = {
  DRAFT: '0',
  PENDING_AUDIT: '1',
  AUDIT_REJECTED: '2',
  AUDIT_APPROVED: '3',
  ON_SHELF: '10',
  OFF_SHELF: '11',
  SOLD_OUT: '12',
  FROZEN: '20',
  DELETED: '99',
};

/** What people say to a product: from which states, and where it goes. */
export const LIFE_CYCLE = {
  submit: { from: ['DRAFT', 'AUDIT_REJECTED'], to: 'PENDING_AUDIT' },
  approve: { from: ['PENDING_AUDIT'], to: 'AUDIT_APPROVED' },
  reject: { from: ['PENDING_AUDIT'], to: 'AUDIT_REJECTED' },
  publish: { from: ['AUDIT_APPROVED', 'OFF_SHELF'], to: 'ON_SHELF' },
  unpublish: { from: ['ON_SHELF', 'SOLD_OUT'], to: 'OFF_SHELF' },
  freeze: { from: ['ON_SHELF', 'OFF_SHELF', 'SOLD_OUT'], to: 'FROZEN' },
  unfreeze: { from: ['FROZEN'], to: 'OFF_SHELF' },
  delete: { from: ['DRAFT', 'AUDIT_REJECTED', 'AUDIT_APPROVED', 'OFF_SHELF', 'FROZEN'], to: 'DELETED' },
} as const satisfies Record<string, { from: readonly ProductState[]; to: ProductState }>;

export type LifeCycleCommand = keyof typeof LIFE_CYCLE;
