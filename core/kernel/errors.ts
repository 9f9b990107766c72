/**
 * The catalogue of everything Tidegate refuses. A code is stable once released; its HTTP status and title live here and
 * nowhere else, so that a refusal reads the same whichever room returns it. The handlers map a code with one mapper
 * (`http/problem.ts`); a test holds this table against the README.
 */
export const ERRORS = {
  // The request itself
  malformed_json: { status: 400, title: 'The body is not JSON' },
  malformed_text: { status: 400, title: 'The body is not valid UTF-8' },
  invalid_request: { status: 422, title: 'The request does not fit the contract' },
  invalid_cursor: { status: 422, title: 'The cursor is not one of ours' },
  unsupported_media_type: { status: 415, title: 'The body has another type than JSON' },
  malformed_request: { status: 400, title: 'This is not HTTP' },
  headers_too_large: { status: 431, title: 'Address and headers are larger than the limit' },
  body_too_large: { status: 413, title: 'The body is larger than the limit' },
  not_found: { status: 404, title: 'Nothing is here' },
  method_not_allowed: { status: 405, title: 'This address does not take that method' },
  request_timeout: { status: 503, title: 'The request took too long and was given up' },
  internal: { status: 500, title: 'Something broke on our side' },
  unavailable: { status: 503, title: 'A part that this request needs does not answer' },
  shutting_down: { status: 503, title: 'This process is stopping' },

  // Who asks
  unauthenticated: { status: 401, title: 'A bearer token is needed' },
  forbidden: { status: 403, title: 'The token has not the role for this' },

  // Writing safely
  idempotency_key_missing: { status: 400, title: 'The Idempotency-Key header is needed' },
  idempotency_key_reused: { status: 409, title: 'The Idempotency-Key was used with another body' },
  if_match_missing: { status: 428, title: 'The If-Match header is needed' },
  stale_revision: { status: 412, title: 'It was changed since you read it' },
  wrong_state: { status: 409, title: 'The state does not allow this' },
  reason_missing: { status: 422, title: 'A reason is needed' },

  second_person_needed: { status: 403, title: 'Another person must decide this' },

  // The bus
  consumer_unknown: { status: 404, title: 'The consumer is not known' },
  event_unknown: { status: 404, title: 'The event is not known' },
  parked_event_unknown: { status: 404, title: 'The event is not parked' },

  // Money
  amount_invalid: { status: 422, title: 'The amount is not one that the currency can hold' },
  currency_unknown: { status: 422, title: 'The currency is not known' },
  currency_mismatch: { status: 409, title: 'The currencies differ' },

  // Catalogue and stock
  product_invalid: { status: 422, title: 'The product is not complete' },
  category_unknown: { status: 422, title: 'The category is not known' },
  product_unknown: { status: 404, title: 'The product is not known' },
  sku_unknown: { status: 404, title: 'The SKU is not known' },
  sku_off_shelf: { status: 409, title: 'The SKU is not on the shelf' },
  warehouse_unknown: { status: 404, title: 'The warehouse is not known' },
  sold_out: { status: 409, title: 'The stock does not suffice' },
  price_unknown: { status: 404, title: 'The price is not known' },
  price_overlap: { status: 409, title: 'Another price of the type holds at that time' },
  too_many_prices: { status: 409, title: 'The SKU has too many prices in effect or to come' },
  brand_unknown: { status: 422, title: 'The brand is not known' },
  attribute_unknown: { status: 422, title: 'The attribute is not known' },
  tag_unknown: { status: 422, title: 'The tag is not known' },
  name_taken: { status: 409, title: 'The name is taken' },
  category_circle: { status: 409, title: 'A category cannot lie below itself' },
  search_too_broad: { status: 422, title: 'The search takes too long' },
  import_unknown: { status: 404, title: 'The import is not known' },
  import_under_way: { status: 409, title: 'The import is under way elsewhere' },
  price_changed: { status: 409, title: 'The price has changed' },

  // Carts
  cart_unknown: { status: 404, title: 'The cart is not known' },
  cart_token_invalid: { status: 403, title: 'The cart token does not open this cart' },
  cart_full: { status: 409, title: 'The cart holds no more' },
  cart_empty: { status: 409, title: 'There is nothing to buy in the cart' },
  cart_changed: { status: 409, title: 'The cart has changed meanwhile' },

  // Users
  user_blocked: { status: 403, title: 'The user is blocked' },

  // Orders
  order_unknown: { status: 404, title: 'The order is not known' },
  ticket_unknown: { status: 404, title: 'The ticket is not known' },
  ticket_expired: { status: 409, title: 'The turn of the ticket did not come in time' },
  queue_full: { status: 503, title: 'The queue of orders is full' },
  order_type_mismatch: { status: 422, title: 'The goods do not fit the order type' },
  address_missing: { status: 422, title: 'A delivery address is needed' },
  order_too_large: { status: 422, title: 'The order is larger than the limit' },
  shipment_unknown: { status: 404, title: 'The shipment is not known' },
  coupon_unknown: { status: 404, title: 'The coupon is not known' },
  coupon_exists: { status: 409, title: 'The coupon code is taken' },
  coupon_unusable: { status: 409, title: 'The coupon cannot be used for this order' },
  coupon_quota_reached: { status: 409, title: 'No further coupon is granted' },
  campaign_unknown: { status: 404, title: 'The campaign is not known' },
  campaign_closed: { status: 409, title: 'The campaign grants nothing' },

  // Payments and callbacks
  pay_order_unknown: { status: 404, title: 'The pay order is not known' },
  pay_order_closed: { status: 409, title: 'The pay order can no longer be paid' },
  stage_not_open: { status: 409, title: 'This part cannot be paid yet' },
  room_not_locked: { status: 409, title: 'The hotel has not confirmed the room yet' },
  payment_in_progress: { status: 409, title: 'Another payment attempt is under way' },
  channel_unknown: { status: 422, title: 'The payment channel is not known' },
  callback_forged: { status: 401, title: 'The callback is not signed by the channel' },
  callback_invalid: { status: 422, title: 'The callback does not fit the contract' },
  callback_rejected: { status: 422, title: 'The callback contradicts what we know; it moved nothing' },
  callback_conflict: { status: 409, title: 'The callback id is known with another body' },
  refund_unknown: { status: 404, title: 'The refund is not known' },
  refund_exceeds_capture: { status: 409, title: 'The refund is more than what was captured' },
  account_unknown: { status: 404, title: 'The account is not known' },
  rebuild_unknown: { status: 404, title: 'The proposed rebuild is not known' },
  balance_too_low: { status: 409, title: 'The balance does not suffice' },

  // The guard
  switched_off: { status: 503, title: 'The entry is switched off' },
  rate_limited: { status: 429, title: 'Too many requests' },
  overloaded: { status: 503, title: 'The service is overloaded' },

  // Control
  switch_unknown: { status: 404, title: 'The switch is not known' },
  switch_value_invalid: { status: 422, title: 'The switch does not take that value' },
  revision_unknown: { status: 404, title: 'The revision is not known' },
  instance_unknown: { status: 404, title: 'The instance is not known' },
  finding_unknown: { status: 404, title: 'The finding is not known' },
  token_unknown: { status: 404, title: 'The token is not known' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** One field of a request that does not fit: `path` as in `items.0.quantity`. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** An expected "no". Commands return it; only broken invariants and dead infrastructure throw. */
export interface Refusal {
  readonly ok: false;
  readonly code: ErrorCode;
  /** One sentence for a person: what was refused, which thing, and what to do. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Extra members for the problem document, such as `rule` or `retryAfterMs`. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

export type Result<T> = { readonly ok: true; readonly value: T } | Refusal;

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refuse(
  code: ErrorCode,
  detail: string,
  extra: { errors?: readonly FieldError[]; meta?: Readonly<Record<string, unknown>> } = {},
): Refusal {
  return { ok: false, code, detail, ...extra };
}

/** Carries a refusal out of a transaction, so that returning a "no" also rolls back. */
export class RefusalError extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.detail}`);
    this.name = 'RefusalError';
    this.refusal = refusal;
  }
}

/** Runs `fn` and turns a thrown `RefusalError` back into the refusal it carries. */
export async function catchRefusal<T>(fn: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await fn());
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
}

/** Demands a value that the program's own logic guarantees; its absence is a broken invariant, not a refusal. */
export function must<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`broken invariant: ${what} is missing`);
  return value;
}
