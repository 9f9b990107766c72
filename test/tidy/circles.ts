import { floorOf, targetOf } from './floors.ts';
import type { Offence } from './offence.ts';
import type { Source } from './syntax.ts';

/** An arrow from one file to another that the house holds. */
interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/**
 * Circles of files, and circles of rooms. Whoever reads a file in a circle must read all of it, and no part of it can
 * be tested or moved alone. Types count: they are read, too.
 *
 * A room is a folder below core/, control/, reconcile/ or tui/. The kernel is one room; files that lie directly in such
 * a top folder are its hall and belong to no room. Arrows to a face (a state table, a port) are not counted between rooms.
 */
export function findCircles(sources: readonly Source[]): Offence[] {
  const known = new Set(sources.map(({ path }) => path));
  const arrows = sources.flatMap((source) =>
    source.imports.flatMap((arrow): Arrow[] => {
      const to = targetOf(source, arrow);
      return to !== undefined && known.has(to) ? [{ from: source.path, to, line: arrow.line }] : [];
    }),
  );
  const between = arrows.flatMap(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)];
    return here === undefined || there === undefined || here === there || floorOf(to) === 'face'
      ? []
      : [{ from: here, to: there }];
  });
  return [
    ...circlesOf(arrows).map((circle) => tellFiles(circle, arrows)),
    ...circlesOf(between).map((circle) => tellRooms(circle, arrows)),
  ];
}

function roomOf(path: string): string | undefined {
  const [top, room, file] = path.split('/');
  if (file === undefined || !['core', 'control', 'reconcile', 'tui'].includes(top ?? '')) return undefined;
  return `${top}/${room}`;
}

function tellFiles(circle: readonly string[], arrows: readonly Arrow[]): Offence {
  const inside = arrows.filter(({ from, to }) => circle.includes(from) && circle.includes(to));
  return {
    path: inside[0]?.from ?? '',
    line: inside[0]?.line ?? 1,
    what: `a circle of files: ${inside.map(({ from, to }) => `${from} → ${to}`).join(', ')}`,
    why: 'whoever reads one must read them all, and none can be tested or moved alone',
    mend: 'move what both need (often a type) into a file of its own, which imports neither',
  };
}

function tellRooms(circle: readonly string[], arrows: readonly Arrow[]): Offence {
  const inside = arrows.filter(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)];
    return here !== there && circle.includes(here ?? '') && circle.includes(there ?? '') && floorOf(to) !== 'face';
  });
  return {
    path: inside[0]?.from ?? '',
    line: inside[0]?.line ?? 1,
    what: `a circle of rooms: ${inside.map(({ from, to }) => `${from} → ${to}`).join(', ')}`,
    why: 'rooms in a circle are one room with walls in it',
    mend: 'give what both need a room below them, show it as a *.machine.ts or *.port.ts, or hand it in from above',
  };
}

/** The strongly connected parts of a graph with more than one node (Tarjan). */
function circlesOf(arrows: readonly { readonly from: string; readonly to: string }[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of arrows) next.set(from, [...(next.get(from) ?? []), to]);
  const order = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const walk = (node: string): number => {
    const mine = order.size;
    order.set(node, mine);
    path.push(node);
    let low = mine;
    for (const to of next.get(node) ?? []) {
      if (!order.has(to)) low = Math.min(low, walk(to));
      else if (path.includes(to)) low = Math.min(low, order.get(to) ?? low);
    }
    if (low === mine) {
      const circle = path.splice(path.indexOf(node));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return low;
  };
  for (const node of next.keys()) if (!order.has(node)) walk(node);
  return circles;
}
