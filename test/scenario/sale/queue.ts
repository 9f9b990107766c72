import { Background } from '../../../core/kernel/background.ts';
import { silent } from '../../support/database.ts';

export interface Kick {
  readonly name: string;
  readonly work: (signal: AbortSignal) => Promise<unknown>;
}

/** Work after the answer, as a list: the simulation decides when it runs, or that the process dies before. */
export class Queue extends Background {
  readonly kicks: Kick[] = [];

  constructor() {
    super(silent);
  }

  override kick(name: string, work: (signal: AbortSignal) => Promise<unknown>): void {
    this.kicks.push({ name, work });
  }
}
