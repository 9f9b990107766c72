/** Routes of the core whose documented example is not run by a test yet. Add a run in `examples/`, and take the route off. */
export const NOT_RUN_YET: readonly string[] = [];

/** Routes of the core that show no example of their answer yet: the third argument of `json()`, or the schema's own. */
export const NO_ANSWER_YET: readonly string[] = [];
