import { describe, expect, it } from 'vitest';
import { findClosedDoors } from './doors.ts';
import { placesOf, sourcesOf } from './plant.ts';

const closedFor = (path: string, code: string): string[] => placesOf(findClosedDoors(sourcesOf({ [path]: code })));

describe('a closed door is found', () => {
  it.each([
    ['a process is imported', 'reconcile/app.ts', `import '../core/main.ts';`],
    ['up is imported', 'control/main.ts', `import { x } from './up.ts';`],
    ['an app is used by a room', 'control/audit/audit.ts', `import type { ControlApp } from '../app.ts';`],
    ['an app is used by the app above', 'reconcile/app.ts', `import { openCore } from '../core/app.ts';`],
    ['a route is used by a room', 'core/catalog/catalog.ts', `import { x } from '../stock/stock.routes.ts';`],
    ['a route is used by its own room', 'core/stock/stock.ts', `import { x } from './stock.routes.ts';`],
    ['rows of the core leave it', 'reconcile/dirty.ts', `import type { Row } from '../core/bus/bus.store.ts';`],
    ['wire shapes of the core leave it', 'reconcile/app.ts', `import { x } from '../core/orders/orders.wire.ts';`],
    ['control moves money', 'control/overview/flow.ts', `import { pay } from '../../core/payments/payments.ts';`],
    ['control drives', 'control/app.ts', `import { paymentDriver } from '../core/payments/payments.driver.ts';`],
    ['control uses one check', 'control/app.ts', `import check from '../reconcile/checks/stuck-age.ts';`],
    ['control reads rows of reconcile', 'control/app.ts', `import { x } from '../reconcile/check.store.ts';`],
    ['a room takes the clock', 'core/orders/orders.ts', `import { systemClock } from '../kernel/clock.ts';`],
    [
      'a room takes chance',
      'core/orders/orders.ts',
      `import { type Random, systemRandom as r } from '../kernel/random.ts';`,
    ],
    ['a room opens a database', 'reconcile/runner.ts', `import { openDatabase } from '../core/kernel/db/database.ts';`],
    ['a room takes all of it', 'core/bus/bus.ts', `import * as clock from '../kernel/clock.ts';`],
    ['a room talks to Postgres', 'core/orders/orders.store.ts', `import pg from 'pg';`],
    ['a room knows the type of a client', 'control/app.ts', `import type { PoolClient } from 'pg';`],
    ['a store uses drizzle', 'core/orders/orders.store.ts', `import { eq } from 'drizzle-orm';`],
    ['a store uses a part of drizzle', 'core/orders/orders.store.ts', `import { x } from 'drizzle-orm/pg-core';`],
    ['a room makes metrics', 'core/bus/bus.ts', `import { Counter } from 'prom-client';`],
    ['a server draws', 'control/up/screen.ts', `import { render } from 'ink';`],
    ['a server traces by itself', 'core/bus/bus.ts', `import { trace } from '@opentelemetry/api';`],
    ['a server builds panels', 'control/app.ts', `import { x } from '@grafana/grafana-foundation-sdk/dashboard';`],
  ])('%s', (_what, path, code) => {
    expect(closedFor(path, code)).toHaveLength(1);
  });

  it('tells what was taken', () => {
    expect(closedFor('core/bus/bus.ts', `import { sleep, systemClock } from '../kernel/clock.ts';`)).toEqual([
      'core/bus/bus.ts:1 imports systemClock of core/kernel/clock.ts',
    ]);
  });
});

describe('an open door is left alone', () => {
  it.each([
    ['main starts its app', 'core/main.ts', `import { openCore } from './app.ts';`],
    ['reconcile starts with the core', 'reconcile/main.ts', `import { openCore } from '../core/app.ts';`],
    ['the kernel’s own app', 'core/bus/bus.ts', `import type { App } from '../kernel/http/app.ts';`],
    ['an app mounts routes', 'core/app.ts', `import { x } from './orders/orders.routes.ts';`],
    [
      'routes of the kernel',
      'control/access/access.routes.ts',
      `import { x } from '../../core/kernel/access/tokens.routes.ts';`,
    ],
    [
      'a room asks another’s store',
      'core/orders/orders.driver.ts',
      `import { x } from '../payments/payments.store.ts';`,
    ],
    ['control reads the core', 'control/up/welcome.ts', `import type { P } from '../../core/catalog/catalog.read.ts';`],
    [
      'control knows the states',
      'control/overview/live.ts',
      `import { m } from '../../core/orders/orders.machine.ts';`,
    ],
    ['control reads the bus', 'control/app.ts', `import { consume } from '../core/bus/bus.ts';`],
    ['control asks reconcile', 'control/overview/checks.ts', `import { x } from '../../reconcile/verdicts.ts';`],
    ['up loads the catalogue', 'control/up.ts', `import { loadDemo } from '../core/catalog/demo.ts';`],
    ['an app makes the clock', 'core/app.ts', `import { systemClock } from './kernel/clock.ts';`],
    ['a room knows the type of a clock', 'core/bus/bus.ts', `import { type Clock, sleep } from '../kernel/clock.ts';`],
    ['the kernel talks to Postgres', 'core/kernel/db/database.ts', `import pg from 'pg';`],
    ['a package of a longer name', 'core/bus/bus.ts', `import x from 'pg-cursor';`],
    ['a panel named up', 'dashboards/boards/war-room.ts', `import up from '../panels/processes/up.ts';`],
    [
      'a test opens every door',
      'test/x.test.ts',
      `import { serve } from '../core/kernel/http/serve.ts'; import pg from 'pg';`,
    ],
  ])('%s', (_what, path, code) => {
    expect(closedFor(path, code)).toEqual([]);
  });
});
