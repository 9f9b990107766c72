import { buckets, noneOf, observations, type Where } from '../../promql.ts';

/** Requests of callers, without those of whoever watches the process. Processes by name, instances by scrape. */
const CALLERS = {
  process: '=~"$process"',
  instance: '=~"$instance"',
  route: noneOf('/metrics', '/healthz', '/readyz'),
} satisfies Where<'httpRequestDuration'>;

export function requests(where: Where<'httpRequestDuration'> = {}): string {
  return observations('httpRequestDuration', { ...CALLERS, ...where });
}

export function requestBuckets(): string {
  return buckets('httpRequestDuration', CALLERS);
}
