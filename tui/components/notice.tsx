import { Box, Text } from 'ink';
import type { Trouble } from '../explain.ts';
import { Toned } from './panel.tsx';

/** In place of the panels while control has not answered once: what is wrong, and what to do. */
export function Notice({ trouble, width }: { readonly trouble: Trouble | null; readonly width: number }) {
  if (trouble === null) return null;
  return (
    <Box flexDirection="column" borderStyle="round" paddingX={1} width={Math.min(width, 76)}>
      <Toned tone="unsure" bold wrap="wrap">{`! ${trouble.what}`}</Toned>
      {trouble.next === null ? null : <Text>{trouble.next}</Text>}
      <Text>It is tried again by itself. q quits.</Text>
    </Box>
  );
}
