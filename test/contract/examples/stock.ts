import { addWarehouse } from '../../../core/stock/warehouses.ts';
import type { ExampleRuns } from '../stage.ts';

const params = { skuId: '100001' };

export default {
  id: 'stock',
  runs: {
    'POST /v1/skus/{skuId}/stock': { setUp: async () => ({ params }) },
    'GET /v1/skus/{skuId}/stock': { setUp: async () => ({ params }) },
    'PUT /v1/skus/{skuId}/deduction': { setUp: async () => ({ params }) },
    'POST /v1/skus/{skuId}/codes': {
      setUp: async ({ ctx }) => {
        await ctx.db.query({ text: `UPDATE core.sku SET stock_mode = 'codes' WHERE id = 100001` });
        return { params };
      },
    },
    'GET /v1/warehouses': {},
    'POST /v1/warehouses': {},
    'PATCH /v1/warehouses/{warehouseId}': {
      setUp: async ({ ctx }) => {
        const added = await addWarehouse(ctx, 'a merchant', { name: '华东仓 East', priority: 50, open: false });
        if (!added.ok) throw new Error(added.detail);
        return { params: { warehouseId: String(added.value.warehouseId) } };
      },
    },
  },
} satisfies ExampleRuns;
