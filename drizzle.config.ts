import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './core/schema/access.ts',
    './core/schema/bus.ts',
    './core/schema/catalog.ts',
    './core/schema/columns.ts',
    './core/schema/control.ts',
    './core/schema/ledger.ts',
    './core/schema/orders.ts',
    './core/schema/payments.ts',
    './core/schema/reconcile.ts',
  ],
  out: './core/schema/migrations',
});
