import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';

/** Characters per grid column, and grid rows per line of text. */
const WIDE = 4;
const ROWS_PER_LINE = 3;

/** Where the panels of a dashboard stand, in text: for READMEs, and to see a change of the layout in a diff. */
export function picture(dashboard: Dashboard): string {
  const lines: string[] = [];
  const panels = dashboard.panels ?? [];
  const tops = [...new Set(panels.map(topOf))].sort((a, b) => a - b);
  for (const top of tops) {
    const line = panels.filter((panel) => topOf(panel) === top);
    const [first] = line;
    if (first?.type === 'row') lines.push(`▾ ${first.title ?? ''}`);
    else lines.push(...boxes(line));
  }
  return lines.join('\n');
}

function topOf(panel: Panel | RowPanel): number {
  return panel.gridPos?.y ?? 0;
}

function boxes(line: readonly (Panel | RowPanel)[]): string[] {
  const height = Math.max(...line.map(({ gridPos }) => gridPos?.h ?? 0));
  const titles = line.map((panel) => wrapped(panel.title ?? '', roomOf(panel) - 2));
  const inner = Math.max(Math.round(height / ROWS_PER_LINE) - 1, ...titles.map((title) => title.length));
  const drawn = line.map((panel, i) => box(roomOf(panel), titles[i] ?? [], inner));
  return Array.from({ length: inner + 2 }, (_, i) => drawn.map((rows) => rows[i] ?? '').join(''));
}

function roomOf(panel: Panel | RowPanel): number {
  return (panel.gridPos?.w ?? 0) * WIDE - 2;
}

function box(room: number, title: readonly string[], inner: number): string[] {
  const body = Array.from({ length: inner }, (_, i) => {
    const words = title[i] ?? '';
    return `│ ${words}${' '.repeat(Math.max(0, room - 1 - columnsOf(words)))}│`;
  });
  return [`┌${'─'.repeat(room)}┐`, ...body, `└${'─'.repeat(room)}┘`];
}

function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && columnsOf(`${last} ${word}`) <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Chinese characters are two columns wide in a terminal. */
function columnsOf(text: string): number {
  return [...text].reduce((sum, char) => sum + (/\p{Script=Han}/u.test(char) ? 2 : 1), 0);
}
