import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { MiddlewareHandler } from 'hono';
import { ERRORS } from '../errors.ts';
import type { App, Probe } from './app.ts';
import type { AppEnv } from './context.ts';
import { ROUTE_OPTIONS } from './route.ts';

const PROBE_TIMEOUT_MS = 2_000;

const open: MiddlewareHandler<AppEnv> = Object.assign<MiddlewareHandler<AppEnv>, object>(async (_c, next) => next(), {
  [ROUTE_OPTIONS]: { access: 'open' },
});

/** `/healthz`, `/readyz`, `/metrics`, `/openapi.json`, `/docs`: the same on every process. They hold no data of anybody. */
export function mountStandardRoutes(app: App): void {
  app.get('/healthz', open, (c) => c.json({ status: 'alive', process: app.deps.process }));
  app.get('/readyz', open, async (c) => {
    if (app.lifecycle.draining.aborted) return c.json({ status: 'stopping' }, 503);
    const failing = await failingProbes(app.deps.ready ?? {}, app);
    return failing.length === 0 ? c.json({ status: 'ready' }) : c.json({ status: 'not ready', failing }, 503);
  });
  app.get('/metrics', open, async (c) => {
    const { registry } = app.deps.metrics;
    return c.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType });
  });
  let document: string | undefined;
  app.get('/openapi.json', open, (c) => {
    document ??= JSON.stringify(openApiDocument(app));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  });
  mountDocs(app);
}

/** The OpenAPI 3.1 description of everything mounted on the app. */
export function openApiDocument(app: App) {
  const { title, version } = app.deps;
  return app.getOpenAPI31Document({ openapi: '3.1.0', info: { title, version } });
}

async function failingProbes(probes: Readonly<Record<string, Probe>>, app: App): Promise<string[]> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer in ${PROBE_TIMEOUT_MS} ms`)), { once: true });
  });
  late.catch(() => {});
  const outcomes = await Promise.all(
    Object.entries(probes).map(async ([name, probe]) => {
      try {
        await Promise.race([probe(signal), late]);
        return undefined;
      } catch (error) {
        app.deps.log.warn({ err: error, probe: name }, 'not ready');
        return name;
      }
    }),
  );
  return outcomes.filter((name) => name !== undefined);
}

/** swagger-ui from our own disk: the page works where there is no internet. */
const DOCS_FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
const DOCS_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
const DOCS_INIT = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null });`;

function mountDocs(app: App): void {
  const page = (title: string, body: string, script: string): string =>
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>` +
    '<link rel="stylesheet" href="/docs/files/swagger-ui.css"><link rel="icon" href="/docs/files/favicon-32x32.png">' +
    `</head><body>${body}${script}</body></html>`;
  const scripts = '<script src="/docs/files/swagger-ui-bundle.js"></script><script src="/docs/init.js"></script>';
  app.get('/docs', open, (c) => {
    c.header('Content-Security-Policy', DOCS_CSP);
    return c.html(page(app.deps.title, '<div id="api"></div>', scripts));
  });
  app.get('/docs/errors', open, (c) => {
    c.header('Content-Security-Policy', DOCS_CSP);
    const rows = Object.entries(ERRORS)
      .map(
        ([code, { status, title }]) =>
          `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(title)}</td></tr>`,
      )
      .join('');
    return c.html(page('Errors', `<main class="swagger-ui"><h1>Errors</h1><table>${rows}</table></main>`, ''));
  });
  app.get('/docs/init.js', open, (c) => c.body(DOCS_INIT, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  app.get('/docs/files/:file', open, async (c) => {
    const file = c.req.param('file');
    const type = DOCS_FILES[file];
    if (type === undefined) return c.notFound();
    const bytes = await readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`)));
    return c.body(new Uint8Array(bytes), 200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=86400' });
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
