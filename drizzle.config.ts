import { defineConfig } from 'drizzle-kit';

/** `npm run migrations` writes what the tables need that no migration brings yet; the sandbox has a file of its own. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './core/schema/*.ts',
  out: './core/schema/migrations',
});
