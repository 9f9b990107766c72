import { z } from '@hono/zod-openapi';
import { type FieldError, ok, type Result, refuse } from '../kernel/errors.ts';
import { label } from '../kernel/http/values.ts';
import { refuseFields, wire } from '../kernel/http/wire.ts';
import { type Currency, isCurrency, parseDecimal } from '../kernel/money.ts';
import { NumberText, parseCommentedJson } from './product.json.ts';

/** An attribute with its value (属性). Ids are the source's numbers, kept as strings. */
export interface Attribute {
  readonly attributeId: string;
  readonly attributeName: string;
  readonly value: string;
}

export interface SkuDraft {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  /** Minor units of the product's currency. */
  readonly price: number;
  readonly free: boolean;
  readonly stockMode: 'finite' | 'infinite' | 'codes';
  /** Pieces to begin with; 0 for infinite stock and for codes, which are imported apart. */
  readonly stock: number;
}

/** A product as it was handed in, checked. */
export interface ProductDraft {
  readonly categoryId: number;
  /** Whose goods they are; default 1. Left out of the digest there, which is older than shops. */
  readonly shopId?: number;
  readonly brandId: number | null;
  readonly name: string;
  readonly description: string;
  readonly attributes: readonly Attribute[];
  readonly currency: Currency;
  readonly skus: readonly SkuDraft[];
}

export const MAX_SKUS = 500;
export const MAX_STOCK = 1_000_000_000;
const MAX_ID = 1_000_000_000_000_000;

/** A whole number as JSON writes it, without fraction and exponent. */
function integer(min: number, max: number) {
  const message = `must be an integer from ${min} to ${max}`;
  return z
    .instanceof(NumberText, { message })
    .transform(({ text }) => (/^-?\d{1,17}$/.test(text) ? Number(text) : Number.NaN))
    .pipe(z.int({ message }).min(min, { message }).max(max, { message }));
}

const id = z.union([
  integer(1, MAX_ID),
  z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a positive integer')
    .transform(Number),
]);

const attribute = wire
  .object({ attributeId: id, attributeName: label(100), value: label(200) })
  .transform((a): Attribute => ({ ...a, attributeId: String(a.attributeId) }));

const sku = wire.object({
  skuName: label(200),
  price: z.instanceof(NumberText, { message: 'must be a number such as 79.00' }),
  stock: integer(0, MAX_STOCK).optional(),
  salesAttributes: z.array(attribute).max(20).default([]),
  free: z.boolean().default(false),
  stockMode: z.enum(['finite', 'infinite', 'codes']).default('finite'),
});

const spuShape = {
  categoryId: id,
  shopId: id.optional(),
  spu: wire.object({
    name: label(200),
    brandId: id.optional(),
    description: z
      .string()
      .max(5_000)
      .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must not hold NUL or half a surrogate pair')
      .default(''),
  }),
  basicAttributes: z.array(attribute).max(100).default([]),
};
const skusShape = { currency: z.string().optional(), skus: z.array(sku).min(1).max(MAX_SKUS) };
const spuDocument = wire.object(spuShape);
const skusDocument = wire.object(skusShape);
const product = wire.object({ ...spuShape, ...skusShape });

type ParsedSkus = z.infer<typeof skusDocument>;

/**
 * Reads the source's product JSON (商品信息录入JSON): comments allowed, prices as exact decimals. Beyond the source's
 * fields it takes `shopId` (else 1), `currency` (else `currency` of the caller, else CNY), and per SKU `free` (a price of 0
 * is meant) and `stockMode: "infinite"` (charges and services, which are not counted) or `"codes"` (delivered as codes,
 * which are imported apart); both without `stock`.
 *
 * Refuses: `malformed_json`; `invalid_request` (unknown, missing, wrong fields, by path); `currency_unknown`;
 * `amount_invalid` (too many digits, negative, 0 without `free`, beyond the largest amount); `product_invalid` (two SKUs
 * of one name, stock that does not go with its mode).
 */
export function parseProduct(text: string, defaults: { readonly currency?: Currency } = {}): Result<ProductDraft> {
  const fit = parseAs(product, text, 'product');
  if (!fit.ok) return fit;
  const skus = draftSkus(fit.value, defaults.currency ?? 'CNY');
  return skus.ok ? ok({ ...spuOf(fit.value), ...skus.value }) : skus;
}

/** The same without SKUs (先建 SPU): what all of them will have in common. Refuses as `parseProduct`. */
export function parseSpu(text: string): Result<Omit<ProductDraft, 'currency' | 'skus'>> {
  const fit = parseAs(spuDocument, text, 'product');
  return fit.ok ? ok(spuOf(fit.value)) : fit;
}

/** SKUs alone, for a product that is there; `currency` is what it is sold in, where it is sold. Refuses as `parseProduct`. */
export function parseSkus(text: string, currency: Currency | null): Result<Pick<ProductDraft, 'currency' | 'skus'>> {
  const fit = parseAs(skusDocument, text, 'SKUs');
  return fit.ok ? draftSkus(fit.value, currency ?? 'CNY') : fit;
}

function parseAs<T>(schema: z.ZodType<T>, text: string, what: string): Result<T> {
  const json = parseCommentedJson(text);
  if (!json.ok) return json;
  const fit = schema.safeParse(json.value);
  return fit.success ? ok(fit.data) : refuseFields(fit.error, what);
}

function spuOf(parsed: z.infer<typeof spuDocument>): Omit<ProductDraft, 'currency' | 'skus'> {
  return {
    categoryId: parsed.categoryId,
    ...(parsed.shopId === undefined || parsed.shopId === 1 ? {} : { shopId: parsed.shopId }),
    brandId: parsed.spu.brandId ?? null,
    name: parsed.spu.name,
    description: parsed.spu.description,
    attributes: parsed.basicAttributes,
  };
}

function draftSkus(parsed: ParsedSkus, otherwise: Currency): Result<Pick<ProductDraft, 'currency' | 'skus'>> {
  const currency = parsed.currency ?? otherwise;
  if (!isCurrency(currency)) {
    return refuse('currency_unknown', `"${currency.slice(0, 20)}" is not a currency we know.`, {
      errors: [{ path: 'currency', message: 'is not a currency we know' }],
    });
  }
  const skus = skusOf(parsed, currency);
  return skus.ok ? ok({ currency, skus: skus.value }) : skus;
}

function skusOf(parsed: ParsedSkus, currency: Currency): Result<SkuDraft[]> {
  const badAmounts: FieldError[] = [];
  const badSkus: FieldError[] = [];
  const names = new Set<string>();
  const drafts = parsed.skus.map((given, i): SkuDraft => {
    const price = priceOf(given.price, given.free, currency);
    if (!price.ok) badAmounts.push({ path: `skus.${i}.price`, message: price.detail });
    if (names.has(given.skuName)) badSkus.push({ path: `skus.${i}.skuName`, message: 'is the name of another SKU' });
    names.add(given.skuName);
    if ((given.stockMode === 'finite') !== (given.stock !== undefined)) {
      const message = given.stockMode === 'finite' ? 'is missing' : `does not go with ${given.stockMode} stock`;
      badSkus.push({ path: `skus.${i}.stock`, message });
    }
    return {
      name: given.skuName,
      attributes: given.salesAttributes,
      price: price.ok ? price.value : 0,
      free: given.free,
      stockMode: given.stockMode,
      stock: given.stock ?? 0,
    };
  });
  const [amount] = badAmounts;
  if (amount !== undefined) {
    return refuse('amount_invalid', `${amount.path}: ${amount.message}.`, { errors: badAmounts.slice(0, 20) });
  }
  const [bad] = badSkus;
  if (bad !== undefined) {
    return refuse('product_invalid', `${bad.path} ${bad.message}.`, { errors: badSkus.slice(0, 20) });
  }
  return ok(drafts);
}

function priceOf({ text }: NumberText, free: boolean, currency: Currency): Result<number> {
  const parsed = parseDecimal(text, currency);
  if (!parsed.ok) return parsed;
  const { amount } = parsed.value;
  if (amount < 0) return refuse('amount_invalid', `${text} is negative`);
  if (amount === 0 && !free)
    return refuse('amount_invalid', `${text} is nothing; say "free": true where that is meant`);
  return ok(amount);
}
