import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { Tone } from '../words.ts';

const COLOURS: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  bad: 'red',
  unsure: 'yellow',
  plain: undefined,
};

/** Text in a tone. The tone repeats what a symbol or word beside it says already. */
export function Toned({
  tone,
  children,
  bold = false,
}: {
  readonly tone: Tone;
  readonly children: ReactNode;
  readonly bold?: boolean;
}) {
  const color = COLOURS[tone];
  return (
    <Text {...(color === undefined ? {} : { color })} bold={bold} wrap="truncate">
      {children}
    </Text>
  );
}

export interface PanelProps {
  readonly title: string;
  readonly hotkey: string;
  readonly note?: string;
  readonly width: number;
  readonly height: number;
  readonly focused: boolean;
  /** Rows beyond the height are cut, and the title says how many. */
  readonly rows: readonly ReactNode[];
  /** The first row shown, when there are more than fit. */
  readonly offset?: number;
}

/** A titled list of one-line rows in a fixed place: nothing moves when the numbers change. */
export function Panel({ title, hotkey, note, width, height, focused, rows, offset = 0 }: PanelProps) {
  const room = height - 1;
  const start = Math.max(0, Math.min(offset, rows.length - room));
  const shown = rows.slice(start, start + room);
  const hidden = rows.length - shown.length;
  return (
    <Box flexDirection="column" width={width} height={height} paddingRight={1}>
      <Text wrap="truncate">
        <Text bold inverse={focused}>{`${focused ? '▸' : ' '}${hotkey} ${title} `}</Text>
        <Text dimColor>
          {note === undefined ? '' : ` ${note}`}
          {hidden > 0 ? ` (+${hidden} more)` : ''}
        </Text>
      </Text>
      {shown.map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen, whatever stands in it
        <Box key={`row-${start + i}`} height={1} width={width - 1}>
          {row}
        </Box>
      ))}
    </Box>
  );
}

/** Cells of fixed widths in one row; a width of 0 takes what is left. */
export function Row({
  cells,
}: {
  readonly cells: readonly {
    readonly width: number;
    readonly text: string;
    readonly tone?: Tone;
    readonly right?: boolean;
  }[];
}) {
  return (
    <>
      {cells.map((cell, i) => (
        <Box
          // biome-ignore lint/suspicious/noArrayIndexKey: a cell is its place in the row
          key={`cell-${i}`}
          {...(cell.width === 0 ? { flexGrow: 1, flexShrink: 1, flexBasis: 0 } : { width: cell.width, flexShrink: 0 })}
          justifyContent={cell.right === true ? 'flex-end' : 'flex-start'}
          marginRight={1}
        >
          <Toned tone={cell.tone ?? 'plain'}>{cell.text}</Toned>
        </Box>
      ))}
    </>
  );
}
