import { Box, Text } from 'ink';

const KEYS: readonly (readonly [string, string])[] = [
  ['1 – 7, Tab', 'go to a panel'],
  ['↑ ↓ or k j', 'move in the panel'],
  ['Enter, space', 'flip the selected switch (asks for a reason and for the word; default No)'],
  ['r', 'ask control now'],
  ['?', 'this help'],
  ['q, Ctrl-C', 'quit'],
];

const WORDS: readonly (readonly [string, string])[] = [
  ['HOLDS 正常', 'every check ran, covers what it should, and found nothing'],
  ['VIOLATED 资损', 'a check found rows that break it; the money at risk is theirs'],
  ['UNKNOWN 未知', 'a check did not run, lags, or the data is old: nothing is known'],
  ['stuck 卡单', 'rows longer in a state than it allows; a repair is at it, or a person must be'],
  ['rev 12 on 3/3', 'rule revision 12 is enforced by 3 of 3 instances'],
];

export function Help() {
  return (
    <Box flexDirection="column" borderStyle="round" paddingX={1} width={76}>
      <Text bold>Keys 按键</Text>
      {KEYS.map(([key, what]) => (
        <Text key={key} wrap="truncate">{`${key.padEnd(14)} ${what}`}</Text>
      ))}
      <Text> </Text>
      <Text bold>Words 词</Text>
      {WORDS.map(([word, what]) => (
        <Text key={word} wrap="truncate">{`${word}: ${what}`}</Text>
      ))}
      <Text dimColor>any key closes this</Text>
    </Box>
  );
}
