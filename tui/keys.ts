import type { Key } from 'ink';

/** One key press, whatever the terminal sent for it. */
export type Press =
  | { readonly name: 'char'; readonly char: string }
  | {
      readonly name:
        | 'up'
        | 'down'
        | 'pageUp'
        | 'pageDown'
        | 'home'
        | 'end'
        | 'enter'
        | 'escape'
        | 'tab'
        | 'backTab'
        | 'erase'
        | 'interrupt';
    };

/**
 * What was pressed, one by one. Keys that were typed fast, or over a slow line, arrive in one piece: each of them counts,
 * and a Ctrl-C among them too.
 */
export function pressesOf(input: string, key: Key): readonly Press[] {
  if (key.ctrl && input === 'c') return [{ name: 'interrupt' }];
  if (key.upArrow) return [{ name: 'up' }];
  if (key.downArrow) return [{ name: 'down' }];
  if (key.pageUp) return [{ name: 'pageUp' }];
  if (key.pageDown) return [{ name: 'pageDown' }];
  if (key.home) return [{ name: 'home' }];
  if (key.end) return [{ name: 'end' }];
  if (key.escape) return [{ name: 'escape' }];
  if (key.return) return [{ name: 'enter' }];
  if (key.tab) return [{ name: key.shift ? 'backTab' : 'tab' }];
  if (key.backspace || key.delete) return [{ name: 'erase' }];
  if (key.ctrl || key.meta) return [];
  return [...input].flatMap(pressOf);
}

function pressOf(char: string): readonly Press[] {
  switch (char) {
    case '\u0003':
      return [{ name: 'interrupt' }];
    case '\r':
    case '\n':
      return [{ name: 'enter' }];
    case '\t':
      return [{ name: 'tab' }];
    case '\u007f':
    case '\b':
      return [{ name: 'erase' }];
    default:
      return /\p{Cc}/u.test(char) ? [] : [{ name: 'char', char }];
  }
}
