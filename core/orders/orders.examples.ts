import type { z } from '@hono/zod-openapi';
import type { createdSchema, orderSchema, payOrderSchema, summarySchema } from './orders.wire.ts';

/* What the routes of orders answer, as their descriptions show it. */

const AT = '2026-11-11T00:00:03.120Z';
const UNTIL = '2026-11-11T00:15:03.120Z';
const PAY_ORDER = '1794355203001001000';
const SHIRTS = '1794355203001001001';
const CUPS = '1794355203001001002';
const yuan = (amount: number) => ({ amount, currency: 'CNY' as const });
const PLACED = { code: 'O0', name: 'ORDER_CREATED' };
const PAID = { code: 'O1', name: 'ORDER_PAID' };

export const CREATED: z.infer<typeof createdSchema> = {
  payOrderId: PAY_ORDER,
  payable: yuan(10_900),
  expiresAt: UNTIL,
  notices: [],
  balance: null,
  orders: [
    {
      orderId: SHIRTS,
      type: 'physical',
      shopId: '7',
      warehouseId: '1',
      state: PLACED,
      goodsAmount: yuan(7_900),
      discount: yuan(798),
      payable: yuan(7_102),
    },
    {
      orderId: CUPS,
      type: 'physical',
      shopId: '8',
      warehouseId: '2',
      state: PLACED,
      goodsAmount: yuan(4_000),
      discount: yuan(202),
      payable: yuan(3_798),
    },
  ],
};

const SUMMARY: z.infer<typeof summarySchema> = {
  orderId: SHIRTS,
  payOrderId: PAY_ORDER,
  userId: '1001',
  type: 'physical',
  shopId: '7',
  warehouseId: '1',
  state: PAID,
  payable: yuan(7_102),
  createdAt: AT,
};

export const PAGE = { items: [SUMMARY], next: 'IjE3OTQzNTUyMDMwMDEwMDEwMDEi' };

const ATTEMPT: z.infer<typeof payOrderSchema>['payments'][number] = {
  paymentId: 'pay_01kavw2m3n8q4r5s6t7v8w9x0y',
  attemptNo: 1,
  channel: 'sandbox',
  state: { code: 'P8', name: 'PAYMENT_SUCCESS' },
  amount: yuan(10_900),
  payUrl: null,
  failureReason: null,
  expiresAt: UNTIL,
  createdAt: '2026-11-11T00:01:10.004Z',
};

export const PAY_ORDER_SHOWN: z.infer<typeof payOrderSchema> = {
  payOrderId: PAY_ORDER,
  userId: '1001',
  payable: yuan(10_900),
  discount: yuan(1_000),
  stage: 'full',
  opensAt: null,
  couponCode: 'SPRING10',
  points: 0,
  notices: [],
  expiresAt: UNTIL,
  paidAt: '2026-11-11T00:02:00.500Z',
  createdAt: AT,
  orders: [SUMMARY],
  payments: [ATTEMPT],
};

export const ORDER: z.infer<typeof orderSchema> = {
  ...SUMMARY,
  guest: false,
  version: 1,
  goodsAmount: yuan(7_900),
  freight: yuan(0),
  discount: yuan(798),
  address: { recipient: 'Li Lei', line: '1 Nanjing Road', city: 'Shanghai' },
  details: {},
  cancelIntent: null,
  cancelReason: null,
  expiresAt: UNTIL,
  lines: [
    {
      lineNo: 1,
      skuId: '100001',
      snapshotId: '2f6b9c0e5d1a4b7c8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9011223344556',
      name: '男士纯棉T恤 白色 L',
      quantity: 1,
      unitPrice: yuan(7_900),
      discount: yuan(798),
      payable: yuan(7_102),
      shipped: 0,
      returned: 0,
      refunded: 0,
    },
  ],
  payments: [ATTEMPT],
  shipments: [
    {
      shipmentId: 'shp_01kavw2m3n8q4r5s6t7v8w9x0y',
      state: { code: 'F2', name: 'FULFILMENT_PROCESSING' },
      carrier: 'SF',
      trackingNo: 'SF1234567890',
      codes: null,
      version: 2,
      lines: [{ lineNo: 1, quantity: 1 }],
      createdAt: '2026-11-11T00:02:00.500Z',
    },
  ],
  refunds: [],
  stay: null,
  timeline: [
    {
      at: AT,
      type: 'order.created',
      machine: 'order',
      entityId: SHIRTS,
      from: null,
      to: PLACED,
      actor: 'shop',
      reason: 'placed',
    },
  ],
};
