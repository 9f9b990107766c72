import { Box, Text } from 'ink';

const KEYS: readonly (readonly [string, string])[] = [
  ['1 – 7, Tab', 'go to a panel'],
  ['↑ ↓ or k j', 'move in the panel'],
  ['Enter', 'on a switch: flip it (reason, then the word; default No)'],
  ['', 'on any other row: everything about it'],
  ['i', 'everything about the selected row, of a switch too'],
  ['z', 'the panel alone on the screen, and back'],
  ['Esc', 'one step back; closes a message'],
  ['r  q  Ctrl-C', 'ask control now; quit; quit from anywhere'],
];

const WORDS: readonly (readonly [string, string])[] = [
  ['✔ HOLDS 正常', 'every check ran, in time, and found nothing'],
  ['✘ VIOLATED 资损', 'rows break a check; their money is at risk'],
  ['? UNKNOWN 未知', 'a check did not run or lags, or the data is old'],
  ['2/7 3m10s/1m 1人', '2 of 7 beyond 1m, the oldest 3m10s; 1 needs a person'],
  ['rev 12 on 3/3', 'rule revision 12 is enforced by 3 of 3 instances'],
];

export function Help({ width }: { readonly width: number }) {
  return (
    <Box flexDirection="column" borderStyle="round" paddingX={1} width={Math.min(width, 78)}>
      <Text bold>Keys 按键</Text>
      {KEYS.map(([key, what]) => (
        <Line key={what} left={key} right={what} />
      ))}
      <Text bold>Words 词</Text>
      {WORDS.map(([word, what]) => (
        <Line key={word} left={word} right={what} />
      ))}
      <Text dimColor>any key closes this</Text>
    </Box>
  );
}

function Line({ left, right }: { readonly left: string; readonly right: string }) {
  return (
    <Box>
      <Box width={18} flexShrink={0}>
        <Text>{left}</Text>
      </Box>
      <Text wrap="truncate">{right}</Text>
    </Box>
  );
}
