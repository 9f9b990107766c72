import { loadRegistryBy } from '../kernel/registry.ts';

/**
 * A degradation switch as the code that obeys it declares it (开关). One file per switch in `switches/`, named by its
 * key. `true` is always the normal behaviour: a switch is "flipped" when it is off.
 */
export interface SwitchDeclaration {
  readonly key: string;
  readonly kind: 'boolean';
  /** What holds before control has ever spoken. */
  readonly default: boolean;
  /** What turning it off does to the business, in one sentence. */
  readonly effect: string;
  /** The same in Chinese. */
  readonly effectZh: string;
  /** Who answers for it. */
  readonly owner: string;
  /** Whether turning it off, or forgetting it, can lose money (资损). */
  readonly fundLoss: boolean;
  /** The entries that refuse while it is off. Empty: the code asks `isOn` and does less. */
  readonly closes: readonly string[];
  /** What a refused caller is told to wait. */
  readonly retryAfterMs: number;
}

const FOLDER = new URL('./switches/', import.meta.url);

/** Every switch of this release. Throws when a file does not declare the switch that its name says. */
export async function loadSwitches(): Promise<readonly SwitchDeclaration[]> {
  return [...(await loadRegistryBy<SwitchDeclaration>(FOLDER, ({ key }) => key)).values()];
}
