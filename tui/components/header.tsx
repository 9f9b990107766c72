import { Box, Text } from 'ink';
import type { Overview } from '../../control/api/contract.ts';
import type { FeedState } from '../feed.ts';
import { age, atRisk, columnsOf, figure, moneyList, moneyWithin, verdictWord } from '../words.ts';
import { Toned } from './panel.tsx';

export interface HeaderProps {
  readonly state: FeedState;
  readonly width: number;
  readonly url: string;
  readonly readonly: boolean;
}

export const HEADER_ROWS = 3;

/** Three lines that answer the first question of a sale night: is money being lost? Old data answers nothing. */
export function Header({ state, width, url, readonly: readOnly }: HeaderProps) {
  const { data, stale } = state;
  const verdict = verdictWord(data === null || stale ? 'unknown' : data.verdict);
  const left = `${verdict.symbol} ${verdict.word}`;
  const clock = data === null ? url : `${stale ? 'last ' : ''}${data.at.slice(11, 19)} UTC`;
  const right = `${readOnly ? 'read only · ' : ''}${clock}`;
  const room = width - columnsOf(`TIDEGATE ${left} · `) - columnsOf(right) - 1;
  return (
    <Box flexDirection="column" width={width} height={HEADER_ROWS} flexShrink={0}>
      <Box width={width} height={1} overflow="hidden">
        <Box flexGrow={1} flexShrink={1} flexBasis={0}>
          <Text wrap="truncate">
            <Text bold>TIDEGATE </Text>
            <Toned tone={verdict.tone} bold>
              {left}
            </Toned>
            {data === null ? null : (
              <Toned tone={data.openFindings > 0 ? 'bad' : 'plain'} bold>
                {` · ${moneyText(data, stale, room)}`}
              </Toned>
            )}
          </Text>
        </Box>
        <Box flexShrink={0} marginLeft={1}>
          <Text>{right}</Text>
        </Box>
      </Box>
      <Box height={1} overflow="hidden">
        {data === null ? null : <Text wrap="truncate">{summary(data, width)}</Text>}
      </Box>
      <Box height={1} overflow="hidden">
        <Banner state={state} />
      </Box>
    </Box>
  );
}

/** The money, whole; then as much of the rest as there is room for. */
function moneyText(data: Overview, stale: boolean, room: number): string {
  if (stale) {
    const was = `was ${data.verdict.toUpperCase()}, `;
    return was + moneyWithin(data.moneyAtRisk, room - was.length);
  }
  const open = ` · ${figure(data.openFindings)} open ${data.openFindings === 1 ? 'finding' : 'findings'}`;
  const whole = atRisk(data, room - open.length) + open;
  return columnsOf(whole) <= room ? whole : atRisk(data, room);
}

/** What needs a hand comes first; the turnover is left out where it has no room, never cut. */
function summary(data: Overview, width: number): string {
  const { revision, applied, total } = data.propagation;
  const stuck = data.stuck.reduce((sum, row) => sum + row.stuck, 0);
  const person = data.stuck.reduce((sum, row) => sum + row.waitingForPerson, 0);
  const first = [
    `${figure(stuck)} stuck${person === 0 ? '' : `, ${figure(person)} for a person 待人工`}`,
    `rules rev ${revision} on ${applied}/${total}${applied < total ? `, ${total - applied} BEHIND` : ''}`,
  ].join(' · ');
  const whole = `${first} · GMV today ${moneyList(data.gmvToday)}`;
  return columnsOf(whole) <= width ? whole : first;
}

function Banner({ state }: { readonly state: FeedState }) {
  const { data, ageMs, stale, trouble } = state;
  if (data === null) return <Text wrap="truncate">{trouble === null ? 'asking control…' : 'no data yet'}</Text>;
  if (!stale && trouble === null) return <Text wrap="truncate">{data.verdictReason}</Text>;
  const old = `the data is ${age((ageMs ?? 0) / 1000)} old`;
  const why = trouble?.brief ?? trouble?.what ?? 'control says nothing new';
  return (
    <Toned tone="unsure" bold>
      {stale ? `! STALE 数据过期 · ${old} · ${why}` : `! ${old} · ${why}`}
    </Toned>
  );
}
