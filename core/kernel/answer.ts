/**
 * What the outside says when it is asked. `refused` is its own explicit negative answer; everything else that is no
 * usable answer (time-out, reset, 5xx, torn body, "not found" where it should be) is `unknown`, never a failure.
 */
export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T; readonly evidence?: unknown }
  | { readonly kind: 'refused'; readonly reason: string; readonly evidence?: unknown }
  | { readonly kind: 'unknown'; readonly reason: string; readonly evidence?: unknown };
