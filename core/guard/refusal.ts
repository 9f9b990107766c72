import { type Refusal, refuse } from '../kernel/errors.ts';
import type { GuardRefusal } from './guard.ts';

/** What an entry answers when the guard refused: the rule by name and when to come back. */
export function refusalOf(refused: GuardRefusal): Refusal {
  const { code, rule, retryAfterMs } = refused;
  const why = {
    switched_off: `This entry is switched off by ${rule}`,
    rate_limited: `The limit ${rule} is reached`,
    overloaded: `The service sheds load by ${rule}`,
  }[code];
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return refuse(code, `${why}; try again in ${seconds} s.`, { meta: { rule, retryAfterMs } });
}
