import { relative } from 'node:path';
import type { Product } from '../../core/catalog/catalog.read.ts';
import { DEFAULT_BASE, type Ports } from './ports.ts';
import { type Running, table } from './screen.ts';

export interface Welcome {
  readonly dataDir: string;
  readonly ports: Ports;
  readonly running: readonly Running[];
  readonly tokensFile: string;
  readonly products: readonly Product[];
}

/** What a person needs to know once everything runs: what is where, who may do what, and what to try first. */
export function welcome({ dataDir, ports, running, tokensFile, products }: Welcome): string[] {
  const tokens = here(tokensFile);
  const tokenOf = (role: string): string =>
    isPlain(tokens)
      ? `node -p "require('${tokens}').${role}"`
      : `node -p "require(process.argv[1]).${role}" ${quoted(tokens)}`;
  const bearer = (role: string): string => `-H "Authorization: Bearer $(${tokenOf(role)})"`;
  const control = `http://127.0.0.1:${ports.control}`;
  const core = `http://127.0.0.1:${ports.core}`;
  const order = firstOrder(products);
  const asJson = `-H 'Content-Type: application/json' -d '${JSON.stringify(order)}'`;
  return [
    ...table(running.map((row) => ({ ...row, log: row.log === '' ? '' : here(row.log) }))),
    '',
    `  tokens    ${tokens}: admin, approver, operator, viewer, shop, merchant`,
    `  API       ${core}/docs and ${control}/docs`,
    `  terminal  ${surroundings(dataDir, ports)}npm run tui`,
    '',
    '  A first look:',
    `    curl -s ${bearer('viewer')} ${control}/v1/overview`,
    ...(order === undefined
      ? []
      : ['  A first order:', `    curl -s ${bearer('shop')} -H 'Idempotency-Key: first' ${asJson} ${core}/v1/orders`]),
  ];
}

/** A path as it is typed where `npm start` was typed. */
function here(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : `./${short}`;
}

/** A shell takes it as it stands. */
function isPlain(path: string): boolean {
  return /^[\w./:@%+=-]+$/.test(path);
}

function quoted(path: string): string {
  return isPlain(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** What the clients must be told where not everything is at its usual place. */
function surroundings(dataDir: string, ports: Ports): string {
  const moved = ports.control !== DEFAULT_BASE;
  const urls = [
    ['CONTROL', ports.control],
    ['CORE', ports.core],
    ['SANDBOX', ports.sandbox],
  ].map(([name, port]) => `TIDEGATE_${name}_URL=http://127.0.0.1:${port} `);
  const data = here(dataDir) === './.tidegate' ? '' : `TIDEGATE_DATA_DIR=${quoted(here(dataDir))} `;
  return `${data}${moved ? urls.join('') : ''}`;
}

/** One piece of the first thing that can be shipped. */
function firstOrder(products: readonly Product[]): object | undefined {
  const product = products.find(({ goodsKind, state }) => goodsKind === 'physical' && state === 'ON_SHELF');
  const sku = product?.skus[0];
  if (sku === undefined) return undefined;
  return {
    userId: '1001',
    type: 'physical',
    items: [{ skuId: String(sku.skuId), quantity: 1 }],
    address: { recipient: 'Li Lei', line: '1 Nanjing Road', city: 'Shanghai' },
  };
}
