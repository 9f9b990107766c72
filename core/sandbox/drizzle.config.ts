import { defineConfig } from 'drizzle-kit';

/** `npx drizzle-kit generate --config core/sandbox/drizzle.config.ts`, from the root. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './core/sandbox/schema.ts',
  out: './core/sandbox/migrations',
});
