import { Box, Text, useInput } from 'ink';
import { useState } from 'react';
import type { SwitchView } from '../../control/api/contract.ts';

export interface FlipDialogProps {
  readonly target: SwitchView;
  readonly width: number;
  readonly onCancel: () => void;
  readonly onFlip: (reason: string) => void;
}

/** Asks why, then asks to type the word. Enter on anything else, and Esc at any time, is No. */
export function FlipDialog({ target, width, onCancel, onFlip }: FlipDialogProps) {
  const [stage, setStage] = useState<'reason' | 'confirm'>('reason');
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const word = target.on ? 'off' : 'on';
  useInput((input, key) => {
    if (key.escape) return onCancel();
    const [text, set] = stage === 'reason' ? ([reason, setReason] as const) : ([typed, setTyped] as const);
    if (key.return) {
      if (stage === 'confirm') return typed === word ? onFlip(reason.trim()) : onCancel();
      if (reason.trim().length >= 3) setStage('confirm');
      return;
    }
    if (key.backspace || key.delete) return set([...text].slice(0, -1).join(''));
    if (!key.ctrl && !key.meta && input !== '') set((text + input.replaceAll(/[\p{Cc}]/gu, '')).slice(0, 200));
  });
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
