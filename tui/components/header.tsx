import { Box, Text } from 'ink';
import { type FeedState, isStale } from '../feed.ts';
import { age, moneyList, verdictWord } from '../words.ts';
import { Toned } from './panel.tsx';

/** Three lines that answer the first question of a sale night: is money being lost? Old data answers nothing. */
export function Header({
  state,
  width,
  url,
  readonly: readOnly,
}: {
  readonly state: FeedState;
  readonly width: number;
  readonly url: string;
  readonly readonly: boolean;
}) {
  const { data } = state;
  const stale = isStale(state);
  const verdict = verdictWord(data === null || stale ? 'unknown' : data.verdict);
  const { revision, applied, total } = data?.propagation ?? { revision: 0, applied: 0, total: 0 };
  const behind = data === null ? 0 : total - applied;
  return (
    <Box flexDirection="column" width={width} height={3}>
      <Box justifyContent="space-between" width={width}>
        <Text wrap="truncate">
          <Text bold>TIDEGATE </Text>
          <Toned tone={verdict.tone} bold>{`${verdict.symbol} ${verdict.word}`}</Toned>
          <Text>{stale && data !== null ? ' · stale' : ''}</Text>
        </Text>
        <Text
          wrap="truncate"
          dimColor
        >{`${readOnly ? 'read only · ' : ''}${data === null ? url : `${data.at.slice(11, 19)} UTC`}`}</Text>
      </Box>
      <Text wrap="truncate">
        {`at risk ${data === null ? '?' : moneyList(data.moneyAtRisk)} · GMV today ${data === null ? '?' : moneyList(data.gmvToday)} · rev ${revision} on ${applied}/${total}`}
        {behind > 0 ? ` · ${behind} BEHIND` : ''}
      </Text>
      <Banner state={state} stale={stale} />
    </Box>
  );
}

function Banner({ state, stale }: { readonly state: FeedState; readonly stale: boolean }) {
  if (state.problem !== null || (stale && state.data !== null)) {
    const seconds = state.receivedMs === null ? null : (state.nowMs - state.receivedMs) / 1000;
    const old = seconds === null ? 'no data yet' : `data is ${age(seconds)} old`;
    return (
      <Toned tone="unsure" bold>{`! STALE 数据过期 · ${old} · ${state.problem ?? 'no answer'} · trying again`}</Toned>
    );
  }
  if (state.data === null) return <Text dimColor>asking control…</Text>;
  return (
    <Text dimColor wrap="truncate">
      {state.data.verdictReason}
    </Text>
  );
}
