import { Box, Text, useApp, useInput, useWindowSize } from 'ink';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Propagation, SwitchView } from '../control/api/contract.ts';
import { after } from './clock.ts';
import { Detail } from './components/detail.tsx';
import { FlipDialog } from './components/dialog.tsx';
import { Footer, footerRows } from './components/footer.tsx';
import { HEADER_ROWS, Header } from './components/header.tsx';
import { Help } from './components/help.tsx';
import { Notice } from './components/notice.tsx';
import { Colours } from './components/panel.tsx';
import { type Trouble, told } from './explain.ts';
import type { Feed, FeedState } from './feed.ts';
import { type FlipOutcome, type Flipper, type Toast, toastOf } from './flip.ts';
import { pressesOf } from './keys.ts';
import { chosenKey, indexOf, NOTHING, type Over, type Place, pressed, START, type Wish } from './navigation.ts';
import { OverviewScreen, PANELS, type PanelName } from './screens/overview.tsx';

/** What the first screen needs to be read without a line cut. */
export const LEAST_COLUMNS = 78;
export const LEAST_ROWS = 22;
const PASSING_MS = 8_000;

export interface AppProps {
  readonly feed: Feed;
  readonly flipper: Flipper;
  readonly url: string;
  /** Nothing can be flipped. */
  readonly readonly: boolean;
  readonly colours: boolean;
}

export function App({ feed, flipper, url, readonly: readOnly, colours }: AppProps) {
  const { columns, rows } = useWindowSize();
  const { exit } = useApp();
  const state = useSyncExternalStore(feed.subscribe, feed.read);
  const { data, stale, trouble } = state;
  const [place, setPlace] = useState(START);
  // The newest place at once: several pieces of input may arrive between two drawings.
  const latest = useRef(place);
  const [toast, setOutcome] = useToast(data?.propagation);
  const fits = columns >= LEAST_COLUMNS && rows >= LEAST_ROWS;
  const go = (to: Place): void => {
    latest.current = to;
    setPlace(to);
  };

  const flip = async (target: SwitchView, reason: string): Promise<void> => {
    go({ ...latest.current, over: NOTHING });
    setOutcome({ kind: 'flipping', key: target.key });
    setOutcome(await flipper.flip(target, reason));
    feed.refresh();
  };

  const decline = (target: SwitchView, word: string | null): void => {
    go({ ...latest.current, over: NOTHING });
    // In place of the last flip's outcome, which would read as this one's.
    setOutcome({ kind: 'declined', key: target.key, word });
  };

  const obey = (wish: Wish): void => {
    if (wish === 'quit') exit();
    else if (wish === 'refresh') feed.refresh();
    else setOutcome(null);
  };

  // From anywhere, and so apart: while a dialog takes the keys, and while the terminal is too small for anything.
  useInput((input, key) => {
    const presses = pressesOf(input, key);
    if (presses.some(({ name }) => name === 'interrupt')) return exit();
    if (!fits && presses.some((one) => one.name === 'char' && one.char === 'q')) exit();
  });
  useInput(
    (input, key) => {
      for (const press of pressesOf(input, key)) {
        const around = { data, readonly: readOnly, columns, message: toast !== null };
        const [to, wish] = pressed(latest.current, press, around);
        go(to);
        if (wish !== undefined) obey(wish);
        // What follows in the same piece was not meant for a question that nobody has seen yet.
        if (to.over.kind === 'flip') return;
      }
    },
    { isActive: fits && place.over.kind !== 'flip' },
  );

  if (!fits) return <TooSmall columns={columns} rows={rows} />;
  const message = toast ?? (stale && data !== null ? adviceOn(trouble) : null);
  const height = rows - HEADER_ROWS - footerRows(message, columns);
  return (
    <Colours value={colours}>
      <Box flexDirection="column" width={columns} height={rows}>
        <Header state={state} width={columns} url={url} readonly={readOnly} />
        <Box height={height} flexShrink={0} overflow="hidden" alignItems="flex-start">
          <Middle
            state={state}
            place={place}
            width={columns}
            height={height}
            onCancel={decline}
            onFlip={(target, reason) => void flip(target, reason)}
          />
        </Box>
        <Footer toast={message} hints={hintsFor(place.over, place.focus, readOnly)} width={columns} />
      </Box>
    </Colours>
  );
}

interface MiddleProps {
  readonly state: FeedState;
  readonly place: Place;
  readonly width: number;
  readonly height: number;
  readonly onCancel: (target: SwitchView, word: string | null) => void;
  readonly onFlip: (target: SwitchView, reason: string) => void;
}

/** What stands between header and footer: the panels, or what lies over them. */
function Middle({ state, place, width, height, onCancel, onFlip }: MiddleProps) {
  const { data, stale, trouble } = state;
  const { over, focus } = place;
  if (over.kind === 'help') return <Help width={width} />;
  if (data === null) return <Notice trouble={trouble} width={width} />;
  switch (over.kind) {
    case 'flip': {
      const { target } = over;
      return (
        <FlipDialog
          target={target}
          newest={data.switches.find(({ key }) => key === target.key)}
          stale={stale}
          width={width}
          onCancel={(word) => onCancel(target, word)}
          onFlip={(reason) => onFlip(target, reason)}
        />
      );
    }
    case 'detail': {
      const { title, facts } = PANELS[focus];
      const shown = `${title}${stale ? ' · old data 数据过期' : ''}`;
      return <Detail title={shown} facts={facts(data, chosenKey(place, data))} width={width} height={height} />;
    }
    case 'nothing':
      return (
        <OverviewScreen
          data={data}
          stale={stale}
          width={width}
          height={height}
          focus={focus}
          selected={indexOf(place, data)}
          zoomed={place.zoomed}
        />
      );
  }
}

function hintsFor(over: Over, focus: PanelName, readOnly: boolean): string {
  switch (over.kind) {
    case 'help':
      return 'any key closes the help';
    case 'flip':
      return 'Esc cancel · Ctrl-C quit';
    case 'detail':
      return 'Esc back · ↑↓ next row · ? help · q quit';
    case 'nothing': {
      const enter = focus === 'switches' && !readOnly ? 'Enter flip · i info' : 'Enter info';
      return `1-7 panel · ↑↓ row · ${enter} · z zoom · ? help · q quit`;
    }
  }
}

/** The banner has one line; what to do about it needs its own. */
function adviceOn(trouble: Trouble | null): Toast | null {
  if (trouble === null || trouble.next === null) return null;
  return { tone: 'unsure', text: `! ${told(trouble)}`, passing: true };
}

function TooSmall({ columns, rows }: { readonly columns: number; readonly rows: number }) {
  return (
    <Text>{`The terminal is too small: ${columns}×${rows}, ${LEAST_COLUMNS}×${LEAST_ROWS} is needed. q quits.`}</Text>
  );
}

/** The last flip's outcome as it stands by the newest propagation. What is done and well goes away by itself. */
function useToast(newest: Propagation | undefined): [Toast | null, (outcome: FlipOutcome | null) => void] {
  const [outcome, setOutcome] = useState<FlipOutcome | null>(null);
  const toast = outcome === null ? null : toastOf(outcome, newest);
  const passing = toast?.passing === true;
  useEffect(() => {
    if (!passing) return;
    const passed = after(PASSING_MS, () => setOutcome((now) => (now === outcome ? null : now)));
    return () => passed[Symbol.dispose]();
  }, [passing, outcome]);
  return [toast, setOutcome];
}
