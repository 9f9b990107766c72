import { importBatch } from '../../../core/catalog/batch/batch.ts';
import type { LifeCycleCommand } from '../../../core/catalog/catalog.machine.ts';
import { changeState } from '../../../core/catalog/catalog.ts';
import { addPrice } from '../../../core/catalog/prices/prices.ts';
import { createWord, type WordKind } from '../../../core/catalog/words/words.ts';
import type { ExampleRun, ExampleRuns, Known, Stage } from '../stage.ts';

const params = { spuId: '10001' };

/** The T-shirt after these commands; it stands on the shelf before them. */
function after(...commands: readonly LifeCycleCommand[]): ExampleRun {
  return {
    setUp: async ({ ctx }: Stage) => {
      for (const command of commands) {
        const moved = await changeState(ctx, 'a merchant', 10_001, command, 'an example');
        if (!moved.ok) throw new Error(moved.detail);
      }
      return { params };
    },
  };
}

/** The T-shirt as it was right after its import, or after the commands that follow it. */
function draft(...commands: readonly LifeCycleCommand[]): ExampleRun {
  return {
    setUp: async (stage: Stage) => {
      const known = await after(...commands).setUp?.(await imported(stage));
      return { ...known, params };
    },
  };
}

async function imported(stage: Stage): Promise<Stage> {
  await stage.ctx.db.query({ text: `UPDATE core.spu SET state = 'DRAFT' WHERE id = 10001` });
  return stage;
}

function words(plural: string, kind: WordKind): Record<string, ExampleRun> {
  return {
    [`POST /v1/${plural}`]: {},
    [`GET /v1/${plural}`]: {},
    [`PUT /v1/${plural}/{id}`]: {
      setUp: async ({ ctx }) => {
        const made = await createWord(ctx, 'a merchant', kind, { id: 77, name: 'an old name' });
        if (!made.ok) throw new Error(made.detail);
        return { params: { id: '77' }, headers: { 'if-match': '"0"' } };
      },
    },
  };
}

async function batch({ ctx }: Stage): Promise<Known> {
  const upload = { actor: 'a merchant', key: 'an example', format: 'lines', body: ReadableStream.from([]) } as const;
  const done = await importBatch(ctx, upload, new AbortController().signal);
  if (!done.ok) throw new Error(done.detail);
  return { params: { importId: done.value.id } };
}

function sku(): ExampleRun {
  return { setUp: async () => ({ params: { skuId: '100001' } }) };
}

export default {
  id: 'catalog',
  runs: {
    'POST /v1/products': {},
    'GET /v1/products': {},
    'GET /v1/products/{spuId}': after(),
    'POST /v1/products/{spuId}/submit': draft(),
    'POST /v1/products/{spuId}/approve': draft('submit'),
    'POST /v1/products/{spuId}/reject': {
      setUp: async (stage) => ({
        ...(await draft('submit').setUp?.(stage)),
        text: JSON.stringify({ reason: 'the picture is missing' }),
      }),
    },
    'POST /v1/products/{spuId}/publish': draft('submit', 'approve'),
    'POST /v1/products/{spuId}/unpublish': after(),
    'POST /v1/products/{spuId}/freeze': {
      setUp: async () => ({ params, text: JSON.stringify({ reason: 'a recall of the manufacturer' }) }),
    },
    'POST /v1/products/{spuId}/unfreeze': after('freeze'),
    'POST /v1/skus/{skuId}/price': { setUp: async () => ({ params: { skuId: '100001' } }) },
    'POST /v1/products/{spuId}/delete': {
      setUp: async (stage) => ({
        ...(await after('unpublish').setUp?.(stage)),
        text: JSON.stringify({ reason: 'no longer made' }),
      }),
    },
    'POST /v1/spus': {},
    'POST /v1/products/{spuId}/skus': after(),
    'PATCH /v1/products/{spuId}': { setUp: async () => ({ params, headers: { 'if-match': '"3"' } }) },
    'PATCH /v1/skus/{skuId}': { setUp: async () => ({ params: { skuId: '100001' }, headers: { 'if-match': '"0"' } }) },
    'PUT /v1/products/{spuId}/tags': after(),
    'POST /v1/categories': {},
    'GET /v1/categories': {},
    'GET /v1/categories/{categoryId}': { setUp: async () => ({ params: { categoryId: '1003001' } }) },
    'PATCH /v1/categories/{categoryId}': {
      setUp: async () => ({ params: { categoryId: '1003001' }, headers: { 'if-match': '"0"' } }),
    },
    'PUT /v1/categories/{categoryId}/attributes/{attributeId}': {
      setUp: async () => ({ params: { categoryId: '1003001', attributeId: '102' } }),
    },
    ...words('brands', 'brand'),
    ...words('attributes', 'attribute'),
    ...words('tags', 'tag'),
    'POST /v1/imports': {},
    'GET /v1/imports/{importId}': { setUp: batch },
    'GET /v1/imports/{importId}/rows': { setUp: batch },
    'GET /v1/operations': {},
    'POST /v1/skus/{skuId}/prices': sku(),
    'GET /v1/skus/{skuId}/prices': sku(),
    'POST /v1/skus/{skuId}/prices/{priceId}/end': {
      setUp: async ({ ctx }) => {
        const price = { amount: 5900, currency: 'CNY' } as const;
        const wish = { type: 'promotion', price, to: new Date('2099-11-11T00:00:00Z') } as const;
        const added = await addPrice(ctx, 'a merchant', 100_001, wish, 'an example');
        if (!added.ok) throw new Error(added.detail);
        return { params: { skuId: '100001', priceId: String(added.value.row.id) } };
      },
    },
  },
} satisfies ExampleRuns;
