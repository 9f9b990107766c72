import { spawnSync } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../core/kernel/config.ts';
import { CURRENCIES, currencyExponent } from '../../core/kernel/money.ts';
import { THOUSANDTHS, WHOLE_UNITS } from '../../dashboards/promql.ts';
import { committed, DASHBOARDS, panelsOf, ROOT } from './support.ts';

const dashboards = await committed();

/** Each check has its runbook, which `test/contract/runbooks.test.ts` proves. */
const OF_CHECK = `\${runbooks:raw}/\${__field.labels.check}.md`;

describe('the committed files', () => {
  const build = (cwd: string, ...flags: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, ['dashboards/build.ts', ...flags], {
      cwd,
      encoding: 'utf8',
    });
    return { status, stderr };
  };
  const copies: string[] = [];
  afterAll(async () => {
    for (const copy of copies) await rm(copy, { recursive: true, force: true });
  });

  /** The room on its own, with the only file of the house that it knows. */
  async function copied(): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), 'tidegate-dashboards-'));
    copies.push(copy);
    await mkdir(join(copy, 'core/kernel'), { recursive: true });
    await cp(DASHBOARDS, join(copy, 'dashboards'), { recursive: true });
    for (const file of ['core/kernel/metric-names.ts', 'package.json']) await cp(join(ROOT, file), join(copy, file));
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    return copy;
  }

  it('are what the sources make', () => {
    expect(build(ROOT, '--check')).toEqual({ status: 0, stderr: '' });
  });

  it('are found out when they were edited, are missing, or belong to no board; a build mends what it can', async () => {
    const copy = await copied();
    expect(build(copy, '--check')).toEqual({ status: 0, stderr: '' });
    const grafana = join(copy, 'dashboards/grafana');
    const json = join(grafana, 'war-room.json');
    const readme = join(copy, 'dashboards/README.md');
    await writeFile(json, (await readFile(json, 'utf8')).replace('"refresh": "5s"', '"refresh": "1s"'));
    await writeFile(readme, (await readFile(readme, 'utf8')).replace('▾ ', '> '));
    await writeFile(join(grafana, 'forgotten.json'), '{}');
    const found = build(copy, '--check');
    expect(found.status).toBe(1);
    expect(found.stderr).toMatch(
      /war-room\.json is not up to date\n.*README\.md is not up to date\n.*forgotten\.json has no board/,
    );
    await rm(json);
    expect(build(copy).stderr).toMatch(/forgotten\.json has no board: remove it/);
    await rm(join(grafana, 'forgotten.json'));
    expect(build(copy, '--check')).toEqual({ status: 0, stderr: '' });
  });

  it('refuse a board whose id is not its file’s name', async () => {
    const copy = await copied();
    const board = join(copy, 'dashboards/boards/war-room.ts');
    await writeFile(board, (await readFile(board, 'utf8')).replace("id: 'war-room'", "id: 'peace-room'"));
    const { status, stderr } = build(copy, '--check');
    expect(status).not.toBe(0);
    expect(stderr).toContain('boards/war-room.ts must export the dashboard "war-room"');
  });

  it('of every board are there', async () => {
    const boards = (await readdir(join(DASHBOARDS, 'boards'))).map((file) => file.replace(/\.ts$/, ''));
    expect(dashboards.map(([id]) => id)).toEqual(boards.sort());
  });
});

describe.each(dashboards)('%s', (id, dashboard) => {
  it('has the address of its file and the variables that its queries use', () => {
    expect(dashboard.uid).toBe(`tidegate-${id}`);
    expect(dashboard.schemaVersion).toBe(42);
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'process', 'instance', 'runbooks']);
    const used = JSON.stringify(dashboard).matchAll(/\$\{?([a-z]\w*)/g);
    expect(new Set([...used].map(([, name]) => name))).toEqual(new Set(names));
  });

  it('has panels with ids of their own that fill the grid without overlap or gap', () => {
    const ids = dashboard.panels.map((panel) => panel.id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Set<string>();
    let cells = 0;
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) taken.add(`${x},${y}`);
      }
      cells += gridPos.w * gridPos.h;
    }
    expect(taken.size, 'no cell is taken twice').toBe(cells);
    const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    expect(taken.size, 'no cell is left out').toBe(24 * bottom);
  });

  it.each(panelsOf(dashboard).map((panel) => [panel.title, panel] as const))(
    '%s says what it shows, in what unit, from the reader’s data source, and what its absence means',
    (_title, panel) => {
      expect(panel.description.length).toBeGreaterThan(40);
      expect(panel.fieldConfig.defaults.unit).toMatch(/^\w+$/);
      expect(panel.fieldConfig.defaults.noValue).toMatch(/[a-z]{2}/);
      expect(panel.datasource).toEqual({ type: 'prometheus', uid: '$datasource' });
      const targets = panel.targets ?? [];
      expect(targets.length).toBeGreaterThan(0);
      for (const target of targets) {
        expect(target.datasource).toEqual(panel.datasource);
        expect(target.legendFormat).not.toBe('');
        // A number that were the last of the time shown would repeat the good news of the dead.
        expect(target.instant === true, 'asks for this moment').toBe(panel.type === 'stat');
      }
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      if (panel.type !== 'stat') expect(panel.options?.legend?.showLegend).toBe(true);
    },
  );

  it('links to runbooks that are there', async () => {
    const links = panelsOf(dashboard).flatMap(({ links = [], fieldConfig }) => [
      ...links,
      ...(fieldConfig.defaults.links ?? []),
    ]);
    expect(links.length).toBeGreaterThan(0);
    for (const { url } of links) {
      if (url === OF_CHECK) continue;
      const [, file = ''] = url.match(/^\$\{runbooks:raw\}\/([a-z0-9-]+\.md)$/) ?? [];
      await expect(access(join(ROOT, 'runbooks', file)), url).resolves.toBeUndefined();
      expect(file).not.toBe('');
    }
  });
});

describe('what the room repeats of the house', () => {
  it('is right about currencies', () => {
    const withExponent = (exponent: number): string[] => CURRENCIES.filter((c) => currencyExponent(c) === exponent);
    expect(WHOLE_UNITS).toEqual(withExponent(0));
    expect(THOUSANDTHS).toEqual(withExponent(3));
    expect(CURRENCIES.every((currency) => [0, 2, 3].includes(currencyExponent(currency)))).toBe(true);
  });

  it('scrapes every process at its default port, under its default name', async () => {
    const text = await readFile(join(DASHBOARDS, 'prometheus/prometheus.yml'), 'utf8');
    const env = { DATABASE_URL: 'postgres://nowhere/tidegate' };
    const wanted = (['control', 'core', 'reconcile', 'sandbox'] as const).map((name) => {
      const { port, host, instance } = loadConfig(name, env);
      return { job: `tidegate-${name}`, target: `${host}:${port}`, instance };
    });
    const scraped = text.matchAll(
      /job_name: (\S+)\n\s+static_configs:\n\s+- targets: \['([^']+)'\]\n\s+labels: \{ instance: (\S+) \}/g,
    );
    expect([...scraped].map(([, job, target, instance]) => ({ job, target, instance }))).toEqual(wanted);
  });
});
