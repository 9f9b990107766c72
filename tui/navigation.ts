import type { Overview, SwitchView } from '../control/api/contract.ts';
import type { Press } from './keys.ts';
import { isAlone, PANEL_NAMES, PANELS, type PanelName } from './screens/overview.tsx';

/** What lies over the panels. */
export type Over =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'help' }
  | { readonly kind: 'detail' }
  /** The switch as it stood when the dialog was opened. */
  | { readonly kind: 'flip'; readonly target: SwitchView };

export const NOTHING: Over = { kind: 'nothing' };

/** Where the person is on the screen. */
export interface Place {
  readonly focus: PanelName;
  /** The key of the chosen row, by panel. */
  readonly chosen: Readonly<Partial<Record<PanelName, string>>>;
  readonly over: Over;
  /** The panel that has the focus fills the screen. */
  readonly zoomed: boolean;
}

export const START: Place = { focus: 'switches', chosen: {}, over: NOTHING, zoomed: false };

export interface Surroundings {
  readonly data: Overview | null;
  readonly readonly: boolean;
  readonly columns: number;
  /** A message stands in the footer. */
  readonly message: boolean;
}

/** What a key press means beyond another place. */
export type Wish = 'quit' | 'refresh' | 'closeMessage';

const PAGE_ROWS = 10;

export function keysOf(place: Place, data: Overview | null): readonly string[] {
  return data === null ? [] : PANELS[place.focus].keys(data);
}

/** The selected row's place in its list: the first while nothing was chosen, or what was chosen is gone. */
export function indexOf(place: Place, data: Overview | null): number {
  return Math.max(0, keysOf(place, data).indexOf(place.chosen[place.focus] ?? ''));
}

/** The chosen row's key, even when the row is gone by now: what is shown of it must not become another row's. */
export function chosenKey(place: Place, data: Overview | null): string {
  return place.chosen[place.focus] ?? keysOf(place, data)[0] ?? '';
}

/** One key press; pure, so that keys that arrive in one piece act one after the other. */
export function pressed(place: Place, press: Press, around: Surroundings): readonly [Place, Wish?] {
  if (place.over.kind === 'help') return [{ ...place, over: NOTHING }];
  switch (press.name) {
    case 'enter':
      return [place.over.kind === 'detail' ? { ...place, over: NOTHING } : entered(place, around)];
    case 'escape':
      return around.message ? [place, 'closeMessage'] : [back(place, around.columns)];
    case 'char':
      return typed(place, press.char, around);
    default:
      return [moved(place, press.name, around.data)];
  }
}

function typed(place: Place, char: string, around: Surroundings): readonly [Place, Wish?] {
  switch (char) {
    case 'q':
      return [place, 'quit'];
    case 'r':
      return [place, 'refresh'];
    case '?':
      return [{ ...place, over: { kind: 'help' } }];
    case 'z':
      return [{ ...place, zoomed: !place.zoomed, over: NOTHING }];
    case 'i':
      return [{ ...settled(place, around.data), over: hasRow(place, around.data) ? { kind: 'detail' } : NOTHING }];
    case 'j':
      return [moved(place, 'down', around.data)];
    case 'k':
      return [moved(place, 'up', around.data)];
    default:
      return [{ ...place, focus: PANEL_NAMES[Number(char) - 1] ?? place.focus }];
  }
}

/** Enter: on a switch the way to flip it, on everything else the details. */
function entered(place: Place, { data, readonly: readOnly }: Surroundings): Place {
  if (data === null || !hasRow(place, data)) return place;
  const here = settled(place, data);
  const target =
    here.focus === 'switches' && !readOnly ? data.switches.find(({ key }) => key === here.chosen.switches) : undefined;
  return { ...here, over: target === undefined ? { kind: 'detail' } : { kind: 'flip', target } };
}

function back(place: Place, columns: number): Place {
  if (place.over.kind !== 'nothing') return { ...place, over: NOTHING };
  if (place.zoomed) return { ...place, zoomed: false };
  return isAlone(place.focus, false, columns) ? { ...place, focus: START.focus } : place;
}

function hasRow(place: Place, data: Overview | null): boolean {
  return keysOf(place, data).length > 0;
}

/** Chooses the selected row by its key, so that it stays this one whatever comes above it. */
function settled(place: Place, data: Overview | null): Place {
  return selected(place, data, indexOf(place, data));
}

function selected(place: Place, data: Overview | null, to: number): Place {
  const keys = keysOf(place, data);
  const key = keys[Math.max(0, Math.min(keys.length - 1, to))];
  return key === undefined ? place : { ...place, chosen: { ...place.chosen, [place.focus]: key } };
}

function moved(place: Place, by: Exclude<Press['name'], 'char'>, data: Overview | null): Place {
  const at = indexOf(place, data);
  const panel = PANEL_NAMES.indexOf(place.focus);
  switch (by) {
    case 'up':
      return selected(place, data, at - 1);
    case 'down':
      return selected(place, data, at + 1);
    case 'pageUp':
      return selected(place, data, at - PAGE_ROWS);
    case 'pageDown':
      return selected(place, data, at + PAGE_ROWS);
    case 'home':
      return selected(place, data, 0);
    case 'end':
      return selected(place, data, keysOf(place, data).length - 1);
    case 'tab':
      return { ...place, focus: PANEL_NAMES[(panel + 1) % PANEL_NAMES.length] ?? place.focus };
    case 'backTab':
      return { ...place, focus: PANEL_NAMES.at(panel - 1) ?? place.focus };
    case 'enter':
    case 'escape':
    case 'erase':
    case 'interrupt':
      return place;
  }
}
