import { Box, Text, useInput, usePaste } from 'ink';
import { useRef, useState } from 'react';
import type { SwitchView } from '../../control/api/contract.ts';
import { type Press, pressesOf } from '../keys.ts';
import { sideOf } from '../words.ts';
import { Toned } from './panel.tsx';

export interface FlipDialogProps {
  /** The switch as it stood when the dialog was opened: this state is what gets flipped, or nothing. */
  readonly target: SwitchView;
  /** The same by the newest overview. */
  readonly newest: SwitchView | undefined;
  readonly stale: boolean;
  readonly width: number;
  /** `word`: the answer was another than the word that was asked for; null: Esc. */
  readonly onCancel: (word: string | null) => void;
  readonly onFlip: (reason: string) => void;
}

export interface Entry {
  readonly stage: 'reason' | 'confirm';
  readonly reason: string;
  readonly typed: string;
}

const LEAST_REASON = 3;
const MOST_REASON = 200;

/** What one key makes of what was typed before. Enter on anything but the word, in any case, and Esc at any time, is No. */
export function take(entry: Entry, press: Press, word: string): Entry | 'cancel' | 'otherWord' | 'flip' {
  const field = entry.stage === 'reason' ? 'reason' : 'typed';
  switch (press.name) {
    case 'escape':
      return 'cancel';
    case 'enter':
      if (entry.stage === 'confirm') return entry.typed.toLowerCase() === word ? 'flip' : 'otherWord';
      return entry.reason.trim().length >= LEAST_REASON ? { ...entry, stage: 'confirm' } : entry;
    case 'erase':
      return { ...entry, [field]: [...entry[field]].slice(0, -1).join('') };
    case 'char':
      return { ...entry, [field]: (entry[field] + press.char).slice(0, MOST_REASON) };
    default:
      return entry;
  }
}

/**
 * What a piece of input makes of it. The question "really?" is answered by keys that were pressed after it was asked:
 * what follows in the same piece, such as the rest of a paste, is dropped.
 */
export function takeAll(
  entry: Entry,
  presses: readonly Press[],
  word: string,
): Entry | 'cancel' | 'otherWord' | 'flip' {
  let now = entry;
  for (const press of presses) {
    const next = take(now, press, word);
    if (typeof next === 'string') return next;
    if (next.stage !== now.stage) return next;
    now = next;
  }
  return now;
}

/** Pasted text is a reason, on one line; it is never the confirmation. */
export function takePaste(entry: Entry, text: string): Entry {
  if (entry.stage !== 'reason') return entry;
  return { ...entry, reason: (entry.reason + text.replace(/[\p{Cc}\s]+/gu, ' ')).slice(0, MOST_REASON) };
}

/** Asks why, then asks to type the word. */
export function FlipDialog({ target, newest, stale, width, onCancel, onFlip }: FlipDialogProps) {
  // A ref, because several pieces of input may arrive between two drawings, each on what the one before made.
  const entry = useRef<Entry>({ stage: 'reason', reason: '', typed: '' });
  const closed = useRef(false);
  const [, redraw] = useState(0);
  const word = target.on ? 'off' : 'on';
  useInput((input, key) => {
    if (closed.current) return;
    const next = takeAll(entry.current, pressesOf(input, key), word);
    if (typeof next === 'string') {
      closed.current = true;
      if (next === 'flip') onFlip(entry.current.reason.trim());
      else onCancel(next === 'cancel' ? null : word);
      return;
    }
    entry.current = next;
    redraw((n) => n + 1);
  });
  usePaste((text) => {
    entry.current = takePaste(entry.current, text);
    redraw((n) => n + 1);
  });
  const { stage, reason, typed } = entry.current;
  const tooShort = reason.trim().length < LEAST_REASON;
  return (
    <Box flexDirection="column" borderStyle="round" paddingX={1} width={Math.min(width, 76)}>
      <Text bold>{`Turn ${word.toUpperCase()} 切换: ${target.key}`}</Text>
      <Text>{`While it is OFF: ${target.effect}`}</Text>
      <Text>{`关闭后：${target.effectZh}`}</Text>
      <Text>{`It is ${sideOf(target.on)} now (default ${sideOf(target.default)}), by ${target.updatedBy}: ${target.reason ?? 'no reason given'}`}</Text>
      <Text>{`owner ${target.owner}${target.fundLoss ? ' · FUND LOSS 涉及资金' : ''}`}</Text>
      <Warning target={target} newest={newest} stale={stale} />
      <Text> </Text>
      <Text>{`Reason 原因: ${reason}${stage === 'reason' ? '▏' : ''}`}</Text>
      {stage === 'confirm' ? (
        <Text bold>{`Type ${word} to flip it, anything else is No [No]: ${typed}▏`}</Text>
      ) : (
        <Text dimColor>
          {tooShort ? `${LEAST_REASON} letters or more · ` : 'Enter goes on · '}Esc leaves everything as it is
        </Text>
      )}
    </Box>
  );
}

function Warning({ target, newest, stale }: Pick<FlipDialogProps, 'target' | 'newest' | 'stale'>) {
  if (newest !== undefined && newest.version !== target.version) {
    const text = `! ${newest.updatedBy} has changed it meanwhile: it is ${sideOf(newest.on)}. Esc, and look again.`;
    return (
      <Toned tone="bad" bold wrap="wrap">
        {text}
      </Toned>
    );
  }
  if (!stale) return null;
  return <Toned tone="unsure" bold>{`! control does not answer: what is shown may be old`}</Toned>;
}
