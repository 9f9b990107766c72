import type { PanelSpec } from '../../panel.ts';

/** What the value of a verdict means. */
export const VERDICTS: NonNullable<PanelSpec['meanings']> = {
  [-1]: { text: 'UNKNOWN', colour: 'orange' },
  0: { text: 'HOLDS', colour: 'green' },
  1: { text: 'VIOLATED', colour: 'red' },
};
