import { Box, Text, useInput } from 'ink';
import { useRef, useState } from 'react';
import type { SwitchView } from '../../control/api/contract.ts';

export interface FlipDialogProps {
  readonly target: SwitchView;
  readonly width: number;
  readonly onCancel: () => void;
  readonly onFlip: (reason: string) => void;
}

interface Entry {
  readonly stage: 'reason' | 'confirm';
  readonly reason: string;
  readonly typed: string;
}

const LEAST_REASON = 3;

/** What one character makes of what was typed before. Enter on anything but the word, and Esc at any time, is No. */
export function take(entry: Entry, char: string, word: string): Entry | 'cancel' | 'flip' {
  const field = entry.stage === 'reason' ? 'reason' : 'typed';
  switch (char) {
    case '\u001b':
      return 'cancel';
    case '\r':
    case '\n':
      if (entry.stage === 'confirm') return entry.typed === word ? 'flip' : 'cancel';
      return entry.reason.trim().length >= LEAST_REASON ? { ...entry, stage: 'confirm' } : entry;
    case '\u007f':
    case '\b':
      return { ...entry, [field]: [...entry[field]].slice(0, -1).join('') };
    default:
      return /\p{Cc}/u.test(char) ? entry : { ...entry, [field]: (entry[field] + char).slice(0, 200) };
  }
}

/**
 * Asks why, then asks to type the word. Keys that were typed fast, or pasted, arrive in one piece: they are taken one by
 * one, each on what the one before it made.
 */
export function FlipDialog({ target, width, onCancel, onFlip }: FlipDialogProps) {
  const entry = useRef<Entry>({ stage: 'reason', reason: '', typed: '' });
  const closed = useRef(false);
  const [, redraw] = useState(0);
  const word = target.on ? 'off' : 'on';
  useInput((input, key) => {
    const chars = key.escape
      ? ['\u001b']
      : key.return
        ? ['\r']
        : key.backspace || key.delete
          ? ['\b']
          : key.ctrl || key.meta
            ? []
            : [...input];
    for (const char of chars) {
      if (closed.current) return;
      const next = take(entry.current, char, word);
      if (typeof next === 'string') {
        closed.current = true;
        if (next === 'flip') onFlip(entry.current.reason.trim());
        else onCancel();
        return;
      }
      entry.current = next;
    }
    redraw((n) => n + 1);
  });
  const { stage, reason, typed } = entry.current;
  return (
    <Box flexDirection="column" borderStyle="round" paddingX={1} width={Math.min(width, 76)}>
      <Text bold>{`Turn ${word.toUpperCase()}: ${target.key}`}</Text>
      <Text>{target.effect}</Text>
      <Text>{target.effectZh}</Text>
      <Text
        dimColor
      >{`owner ${target.owner}${target.fundLoss ? ' · FUND LOSS 涉及资金' : ''} · last by ${target.updatedBy}: ${target.reason ?? 'no reason given'}`}</Text>
      <Text> </Text>
      <Text>{`Reason 原因 (3 letters or more): ${reason}${stage === 'reason' ? '▏' : ''}`}</Text>
      {stage === 'confirm' ? (
        <Text bold>{`Type ${word} to flip it [No]: ${typed}▏`}</Text>
      ) : (
        <Text dimColor>Enter goes on · Esc leaves everything as it is</Text>
      )}
    </Box>
  );
}
