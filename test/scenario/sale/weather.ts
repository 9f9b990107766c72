import type { Answer } from '../../../core/kernel/answer.ts';
import type { Random } from '../../../core/kernel/random.ts';
import type { Travel } from '../../support/outside.ts';
import type { Life } from './mortal.ts';

/** How often, of all requests to the outside, each thing happens. The rest goes well. */
export interface Weather {
  readonly requestLost: number;
  readonly replyLost: number;
  /** It arrives later: maybe after the next query has found nothing. */
  readonly heldUp: number;
}

export const FAIR: Weather = { requestLost: 0, replyLost: 0, heldUp: 0 };
export const STORM: Weather = { requestLost: 0.08, replyLost: 0.15, heldUp: 0.08 };

/** The way to the outside: loses requests and replies, holds requests up, and is where the caller may die. */
export class Road {
  weather: Weather = STORM;
  /** Requests that are still on their way. */
  readonly heldUp: (() => void)[] = [];
  readonly #random: Random;
  readonly #life: Life;

  constructor(random: Random, life: Life) {
    this.#random = random;
    this.#life = life;
  }

  readonly travel: Travel = <T>(_call: string, _key: string, work: () => Answer<T>): Answer<T> => {
    this.#step();
    const dice = this.#random.next();
    const { requestLost, replyLost, heldUp } = this.weather;
    if (dice < requestLost) return { kind: 'unknown', reason: 'the request was lost' };
    if (dice < requestLost + heldUp) {
      this.heldUp.push(() => void work());
      return { kind: 'unknown', reason: 'the request is held up' };
    }
    const answer = work();
    this.#step();
    if (dice < requestLost + heldUp + replyLost) return { kind: 'unknown', reason: 'the reply was lost' };
    return answer;
  };

  /** One of the requests that were held up arrives. */
  arrive(index: number): void {
    for (const work of this.heldUp.splice(index, 1)) work();
  }

  #step(): void {
    this.#life.tick();
    this.#life.demand();
  }
}
