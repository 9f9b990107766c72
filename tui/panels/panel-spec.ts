import type { ReactNode } from 'react';
import type { Overview } from '../../control/api/contract.ts';
import type { Fact } from '../components/detail.tsx';

/** What a panel draws from. */
export interface PanelView {
  readonly data: Overview;
  /** The data is too old for a verdict: nothing of it may look good. */
  readonly stale: boolean;
  /** Columns of one row. */
  readonly width: number;
  /** The selected row; −1 while another panel has the focus. */
  readonly selected: number;
}

/**
 * One panel of the first screen: one file, which the screen places by its name. Rows are selected by key, not by place,
 * so that the selection stays on its row when others come and go.
 */
export interface PanelSpec {
  readonly title: string;
  /** What the columns are, or a figure that sums the panel up. */
  note(view: PanelView): string;
  keys(data: Overview): readonly string[];
  rows(view: PanelView): readonly ReactNode[];
  /** Everything that is known of the row; empty when it is gone. */
  facts(data: Overview, key: string): readonly Fact[];
}

/** A row has room for more than its figures. */
export const WIDE = 60;

/** The selected row's mark: a column of its own, so that no colour is needed to see it. */
export function mark(view: PanelView, i: number): string {
  return view.selected === i ? '›' : ' ';
}
