import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Board, toGrafana } from './board.ts';
import { picture } from './picture.ts';

/**
 * `node dashboards/build.ts` writes `grafana/<id>.json` for every file of `boards/`, and their pictures into the READMEs
 * that have a place for them. `--check` writes nothing and ends with 1 when a committed file is not what would be written.
 */
const HERE = new URL('./', import.meta.url);
/** The room's own must show every dashboard; the house's shows what it marks a place for. */
const README = new URL('README.md', HERE);
const HOUSE_README = new URL('../README.md', HERE);
const BOARDS = new URL('boards/', HERE);
const GRAFANA = new URL('grafana/', HERE);

interface Output {
  readonly url: URL;
  readonly text: string;
}

async function loadBoards(): Promise<Board[]> {
  const files = (await readdir(BOARDS)).filter((file) => file.endsWith('.ts')).sort();
  return Promise.all(
    files.map(async (file) => {
      const { default: board }: { default?: Board } = await import(new URL(file, BOARDS).href);
      const id = file.slice(0, -'.ts'.length);
      if (board?.id !== id) throw new Error(`boards/${file} must export the dashboard "${id}" as its default`);
      return board;
    }),
  );
}

async function outputs(): Promise<Output[]> {
  const boards = (await loadBoards()).map((board) => ({ id: board.id, dashboard: toGrafana(board) }));
  let readme = await readFile(README, 'utf8');
  let house = await readFile(HOUSE_README, 'utf8').catch(() => undefined);
  for (const { id, dashboard } of boards) {
    const drawn = picture(dashboard);
    const own = withPicture(readme, id, drawn);
    if (own === undefined) throw new Error(`README.md has no place for the picture of ${id}: ${beginOf(id)} … ${END}`);
    readme = own;
    if (house !== undefined) house = withPicture(house, id, drawn) ?? house;
  }
  const json = boards.map(({ id, dashboard }) => ({
    url: new URL(`${id}.json`, GRAFANA),
    text: `${JSON.stringify(dashboard, null, 2)}\n`,
  }));
  const pictures = [
    { url: README, text: readme },
    ...(house === undefined ? [] : [{ url: HOUSE_README, text: house }]),
  ];
  return [...json, ...pictures];
}

const END = '<!-- end of picture -->';

function beginOf(id: string): string {
  return `<!-- picture ${id} -->`;
}

/** Replaces what stands between the two marks of a picture; `undefined` where they are missing. */
function withPicture(readme: string, id: string, drawn: string): string | undefined {
  const begin = beginOf(id);
  const from = readme.indexOf(begin);
  const to = readme.indexOf(END, from);
  if (from < 0 || to < 0) return undefined;
  return `${readme.slice(0, from + begin.length)}\n\n\`\`\`text\n${drawn}\n\`\`\`\n\n${readme.slice(to)}`;
}

/** Files that no board writes any more. */
async function leftovers(written: readonly Output[]): Promise<string[]> {
  const known = new Set(written.map(({ url }) => url.href));
  const files = (await readdir(GRAFANA)).filter((file) => file.endsWith('.json'));
  return files.filter((file) => !known.has(new URL(file, GRAFANA).href)).map((file) => `grafana/${file} has no board`);
}

async function stale(written: readonly Output[]): Promise<string[]> {
  const states = written.map(async ({ url, text }) => {
    const present = await readFile(url, 'utf8').catch(() => '');
    return present === text ? [] : [`${fileURLToPath(url)} is not up to date`];
  });
  return [...(await Promise.all(states)).flat(), ...(await leftovers(written))];
}

const written = await outputs();
if (process.argv.includes('--check')) {
  const problems = await stale(written);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) {
    process.stderr.write('run: npm run dashboards\n');
    process.exitCode = 1;
  }
} else {
  for (const { url, text } of written) await writeFile(url, text);
  for (const problem of await leftovers(written)) process.stderr.write(`${problem}: remove it\n`);
}
