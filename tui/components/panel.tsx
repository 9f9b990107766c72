import { Box, Text } from 'ink';
import { createContext, type ReactNode, useContext } from 'react';
import type { Tone } from '../words.ts';

/** Whether colours may be used at all (NO_COLOR). */
export const Colours = createContext(true);

const COLOURS: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  bad: 'red',
  unsure: 'yellow',
  plain: undefined,
};

export interface TonedProps {
  readonly tone: Tone;
  readonly children: ReactNode;
  readonly bold?: boolean;
  readonly wrap?: 'wrap' | 'truncate';
}

/** Text in a tone. The tone repeats what a symbol or word beside it says already. */
export function Toned({ tone, children, bold = false, wrap = 'truncate' }: TonedProps) {
  const allowed = useContext(Colours);
  const color = allowed ? COLOURS[tone] : undefined;
  return (
    <Text {...(color === undefined ? {} : { color })} bold={bold} wrap={wrap}>
      {children}
    </Text>
  );
}

export interface PanelProps {
  readonly title: string;
  readonly hotkey: string;
  readonly note: string;
  readonly width: number;
  readonly height: number;
  readonly focused: boolean;
  readonly rows: readonly ReactNode[];
  /** This row is kept in sight when there are more than fit. */
  readonly selected: number;
}

/** A titled list of one-line rows in a fixed place: nothing moves when the numbers change. */
export function Panel({ title, hotkey, note, width, height, focused, rows, selected }: PanelProps) {
  const room = height - 1;
  const start = Math.max(0, Math.min(selected - room + 1, rows.length - room));
  const shown = rows.slice(start, start + room);
  const above = start;
  const below = rows.length - start - shown.length;
  return (
    <Box flexDirection="column" width={width} height={height} paddingRight={1} overflow="hidden">
      <Text wrap="truncate">
        <Text bold inverse={focused}>{`${focused ? '▸' : ' '}${hotkey} ${title} `}</Text>
        {above > 0 ? ` ↑${above}` : ''}
        {below > 0 ? ` ↓${below}` : ''}
        <Text dimColor>{` ${note}`}</Text>
      </Text>
      {shown.map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen, whatever stands in it
        <Box key={`row-${start + i}`} height={1} width={width - 1} overflow="hidden">
          {row}
        </Box>
      ))}
    </Box>
  );
}

export interface Cell {
  readonly text: string;
  /** Columns; without it, as many as the text takes. */
  readonly width?: number;
  /** Takes what the others leave, and is cut with … where that is not enough. */
  readonly grow?: true;
  readonly right?: true;
  readonly tone?: Tone;
}

/** Cells in one row, a column apart. */
export function Row({ cells }: { readonly cells: readonly Cell[] }) {
  return (
    <>
      {cells.map((cell, i) => (
        <Box
          // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place in the row
          key={`cell-${i}`}
          {...(cell.grow === true
            ? { flexGrow: 1, flexShrink: 1, flexBasis: 0 }
            : { flexShrink: 0, ...(cell.width === undefined ? {} : { width: cell.width }) })}
          justifyContent={cell.right === true ? 'flex-end' : 'flex-start'}
          marginRight={i === cells.length - 1 ? 0 : 1}
        >
          <Toned tone={cell.tone ?? 'plain'}>{cell.text}</Toned>
        </Box>
      ))}
    </>
  );
}
