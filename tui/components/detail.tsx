import { Box, Text } from 'ink';
import { columnsOf } from '../words.ts';

/** A line of the details: what it is, and its value. */
export type Fact = readonly [label: string, value: string];

export interface DetailProps {
  readonly title: string;
  readonly facts: readonly Fact[];
  readonly width: number;
  readonly height: number;
}

const LABEL_COLUMNS = 15;

/** Everything about one row, in full: nothing here is cut but by the end of the screen. */
export function Detail({ title, facts, width, height }: DetailProps) {
  return (
    <Box
      flexDirection="column"
      borderStyle="round"
      paddingX={1}
      width={Math.min(width, 110)}
      height={height}
      overflow="hidden"
    >
      <Text bold wrap="truncate">
        {title}
      </Text>
      {facts.length === 0 ? <Text>It is no longer there.</Text> : null}
      {facts.map(([label, value]) => (
        <Box key={`${label} ${value}`} flexShrink={0}>
          <Box width={LABEL_COLUMNS} flexShrink={0}>
            <Text dimColor>{label + ' '.repeat(Math.max(0, LABEL_COLUMNS - columnsOf(label)))}</Text>
          </Box>
          <Box flexGrow={1} flexShrink={1} flexBasis={0}>
            <Text wrap="wrap">{value}</Text>
          </Box>
        </Box>
      ))}
    </Box>
  );
}
