import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freeBase, freePort, isFree } from '../../core/kernel/ports.ts';

async function listenOn(port: number): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return server;
}

it('free ports are free, differ, and are none that an outgoing connection may be given', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

it('what is taken is left out, alone and in a range', async () => {
  const first = await freePort();
  await using _next = await listenOn(first + 1);
  expect(await isFree(first + 1)).toBe(false);
  expect(await freePort()).toBeGreaterThan(first + 1);
  const base = await freeBase([0, 9, 32]);
  await using _far = await listenOn(base + 33 + 32);
  const other = await freeBase([0, 9, 32]);
  expect(other).not.toBe(base + 33);
  for (const offset of [0, 9, 32]) expect(await isFree(other + offset)).toBe(true);
});
