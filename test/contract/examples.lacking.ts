/** Routes of the core whose documented example is not run by a test yet. Add a run in `examples/`, and take the route off. */
export const NOT_RUN_YET: readonly string[] = [
  'GET /v1/skus/{skuId}/stock',
  'GET /v1/statistics',
  'GET /v1/users/{userId}/notifications',
  'GET /v1/warehouses',
  'PATCH /v1/warehouses/{warehouseId}',
  'POST /v1/warehouses',
  'PUT /v1/skus/{skuId}/deduction',
];

/** Routes of the core that show no example of their answer yet: the third argument of `json()`, or the schema's own. */
export const NO_ANSWER_YET: readonly string[] = [
  'GET /v1/accounts/{accountId}/entries',
  'GET /v1/orders',
  'GET /v1/orders/{orderId}',
  'GET /v1/pay-orders/{payOrderId}',
  'GET /v1/pay-orders/{payOrderId}/entries',
  'GET /v1/skus/{skuId}/stock',
  'GET /v1/statistics',
  'GET /v1/users/{userId}',
  'GET /v1/users/{userId}/notifications',
  'GET /v1/warehouses',
  'PATCH /v1/warehouses/{warehouseId}',
  'POST /v1/callbacks/{kind}',
  'POST /v1/orders',
  'POST /v1/orders/{orderId}/cancel',
  'POST /v1/users/{userId}/block',
  'POST /v1/users/{userId}/unblock',
  'POST /v1/warehouses',
  'PUT /v1/skus/{skuId}/deduction',
  'PUT /v1/users/{userId}/level',
];
