/** Routes of the core whose documented example is not run by a test yet. Add a run in `examples/`, and take the route off. */
export const NOT_RUN_YET: readonly string[] = [];

/** Routes of the core that show no example of their answer yet: the third argument of `json()`, or the schema's own. */
export const NO_ANSWER_YET: readonly string[] = [
  'GET /v1/accounts/{accountId}/entries',
  'GET /v1/coupons/{code}',
  'GET /v1/orders',
  'GET /v1/orders/{orderId}',
  'GET /v1/pay-orders/{payOrderId}',
  'GET /v1/pay-orders/{payOrderId}/entries',
  'GET /v1/products',
  'GET /v1/products/{spuId}',
  'GET /v1/users/{userId}',
  'POST /v1/callbacks/{kind}',
  'POST /v1/coupons',
  'POST /v1/orders',
  'POST /v1/orders/{orderId}/cancel',
  'POST /v1/products',
  'POST /v1/products/{spuId}/approve',
  'POST /v1/products/{spuId}/freeze',
  'POST /v1/products/{spuId}/publish',
  'POST /v1/products/{spuId}/reject',
  'POST /v1/products/{spuId}/submit',
  'POST /v1/products/{spuId}/unfreeze',
  'POST /v1/products/{spuId}/unpublish',
  'POST /v1/skus/{skuId}/price',
  'POST /v1/users/{userId}/block',
  'POST /v1/users/{userId}/unblock',
  'PUT /v1/users/{userId}/level',
];
