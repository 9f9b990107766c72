import { Box, Text } from 'ink';
import type { Toast } from '../flip.ts';
import { columnsOf } from '../words.ts';
import { Toned } from './panel.tsx';

const MOST_ROWS = 3;

function textOf(toast: Toast): string {
  return toast.passing ? toast.text : `${toast.text} (Esc closes this)`;
}

/** A message takes the rows that it needs: a refusal that is cut off helps nobody. */
export function footerRows(toast: Toast | null, width: number): number {
  if (toast === null) return 1;
  // A row more than its columns come to, because lines are broken between words.
  const needed = Math.ceil(columnsOf(textOf(toast)) / width);
  return Math.min(MOST_ROWS, needed === 1 ? 1 : needed + 1);
}

export interface FooterProps {
  readonly toast: Toast | null;
  readonly hints: string;
  readonly width: number;
}

export function Footer({ toast, hints, width }: FooterProps) {
  return (
    <Box height={footerRows(toast, width)} width={width} flexShrink={0} overflow="hidden">
      {toast === null ? (
        <Text wrap="truncate">{hints}</Text>
      ) : (
        <Toned tone={toast.tone} wrap="wrap">
          {textOf(toast)}
        </Toned>
      )}
    </Box>
  );
}
