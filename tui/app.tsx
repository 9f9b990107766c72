import { Box, Text, useApp, useInput, useWindowSize } from 'ink';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { type SwitchView, switchFlipped } from '../control/api/contract.ts';
import { ApiError, type Client } from './client.ts';
import { FlipDialog } from './components/dialog.tsx';
import { Header } from './components/header.tsx';
import { Help } from './components/help.tsx';
import { Toned } from './components/panel.tsx';
import type { Feed } from './feed.ts';
import { OverviewScreen, PANELS, type PanelName, rowCounts } from './screens/overview.tsx';
import type { Tone } from './words.ts';

export const LEAST_COLUMNS = 78;
export const LEAST_ROWS = 22;

export interface AppProps {
  readonly feed: Feed;
  readonly client: Client;
  readonly url: string;
  readonly readonly: boolean;
}

interface Toast {
  readonly tone: Tone;
  readonly text: string;
  /** Follows this revision until every instance enforces it. */
  readonly revision?: number;
}

const START: Readonly<Record<PanelName, number>> = {
  orders: 0,
  stuck: 0,
  checks: 0,
  instances: 0,
  switches: 0,
  findings: 0,
  repairs: 0,
};

export function App({ feed, client, url, readonly: readOnly }: AppProps) {
  const { columns, rows } = useWindowSize();
  const { exit } = useApp();
  const state = useSyncExternalStore(feed.subscribe, feed.read);
  const [focus, setFocus] = useState<PanelName>('switches');
  const [cursor, setCursor] = useState(START);
  const [help, setHelp] = useState(false);
  const [flipping, setFlipping] = useState<SwitchView | null>(null);
  const [toast, setToast] = useState<Toast | null>(null);
  const { data } = state;

  const flip = useCallback(
    async (target: SwitchView, reason: string) => {
      setFlipping(null);
      setToast({ tone: 'plain', text: `flipping ${target.key}…` });
      setToast(await sendFlip(client, target, reason));
      feed.refresh();
    },
    [client, feed],
  );

  useInput(
    (input, key) => {
      if (help) return setHelp(false);
      if (input === 'q' || (key.ctrl && input === 'c')) return exit();
      if (input === '?') return setHelp(true);
      if (input === 'r') return feed.refresh();
      const panel = PANELS[Number(input) - 1];
      if (panel !== undefined) return setFocus(panel);
      if (key.tab) return setFocus(nextPanel(focus, key.shift ? -1 : 1));
      if (data === null) return;
      const last = Math.max(0, rowCounts(data)[focus] - 1);
      if (key.downArrow || input === 'j') setCursor({ ...cursor, [focus]: Math.min(last, cursor[focus] + 1) });
      if (key.upArrow || input === 'k') setCursor({ ...cursor, [focus]: Math.max(0, cursor[focus] - 1) });
      const chosen = focus === 'switches' ? data.switches[cursor.switches] : undefined;
      if ((key.return || input === ' ') && chosen !== undefined) {
        if (readOnly) setToast({ tone: 'unsure', text: 'read only: start without --readonly to flip' });
        else setFlipping(chosen);
      }
    },
    { isActive: flipping === null },
  );

  const followed = useFollowed(toast, data);
  if (columns < LEAST_COLUMNS || rows < LEAST_ROWS) return <TooSmall columns={columns} rows={rows} />;
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Header state={state} width={columns} url={url} readonly={readOnly} />
      <Box flexGrow={1} flexShrink={1} overflow="hidden" alignItems="flex-start">
        {help ? <Help /> : null}
        {flipping === null ? null : (
          <FlipDialog
            target={flipping}
            width={columns}
            onCancel={() => setFlipping(null)}
            onFlip={(reason) => void flip(flipping, reason)}
          />
        )}
        {help || flipping !== null || data === null ? null : (
          <OverviewScreen data={data} width={columns} height={rows - 4} focus={focus} cursor={cursor} />
        )}
      </Box>
      {followed === null ? (
        <Text dimColor wrap="truncate">
          Tab panel · ↑↓ move · Enter flip · r refresh · ? help · q quit
        </Text>
      ) : (
        <Toned tone={followed.tone}>{followed.text}</Toned>
      )}
    </Box>
  );
}

function nextPanel(from: PanelName, by: 1 | -1): PanelName {
  return PANELS[(PANELS.indexOf(from) + by + PANELS.length) % PANELS.length] ?? from;
}

function TooSmall({ columns, rows }: { readonly columns: number; readonly rows: number }) {
  return (
    <Text>{`The terminal is too small: ${columns}×${rows}, ${LEAST_COLUMNS}×${LEAST_ROWS} is needed. q quits.`}</Text>
  );
}

/** The toast, with how far its revision has come by the newest overview. It goes a while after it is enforced everywhere. */
function useFollowed(toast: Toast | null, data: ReturnType<Feed['read']>['data']): Toast | null {
  const [gone, setGone] = useState<Toast | null>(null);
  const p = data?.propagation;
  const reached = toast?.revision !== undefined && p !== undefined && p.revision >= toast.revision;
  const done = toast !== null && (toast.revision === undefined || (reached && p.applied === p.total));
  useEffect(() => {
    if (!done || toast === null || toast.text.endsWith('…')) return;
    const timer = setTimeout(() => setGone(toast), 8_000);
    return () => clearTimeout(timer);
  }, [done, toast]);
  if (toast === null || toast === gone) return null;
  if (!reached || toast.revision === undefined) return toast;
  if (p.applied === p.total) return { tone: 'good', text: `✔ ${toast.text} · enforced by ${p.applied}/${p.total}` };
  const who = p.stragglers.map((s) => `${s.instance} (${s.reason})`).join(', ');
  return { tone: 'unsure', text: `… ${toast.text} · enforced by ${p.applied}/${p.total}, not by ${who}` };
}

async function sendFlip(client: Client, target: SwitchView, reason: string): Promise<Toast> {
  try {
    const { switch: now, propagation } = await client.call(
      switchFlipped,
      `/v1/switches/${encodeURIComponent(target.key)}?waitMs=1000`,
      {
        method: 'PUT',
        body: { on: !target.on, reason },
        headers: { 'if-match': `"${target.version}"` },
        timeoutMs: 15_000,
      },
    );
    return {
      tone: 'plain',
      text: `${now.key} is ${now.on ? 'on' : 'OFF'} (revision ${propagation.revision})`,
      revision: propagation.revision,
    };
  } catch (error) {
    if (error instanceof ApiError) return { tone: 'bad', text: `✘ not flipped: ${error.title}. ${error.message}` };
    return {
      tone: 'bad',
      text: `✘ not known whether it was flipped: ${error instanceof Error ? error.message : String(error)}; look at the switch`,
    };
  }
}
