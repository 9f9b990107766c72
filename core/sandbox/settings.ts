import { z } from 'zod';
import type { Database } from '../kernel/db/database.ts';
import { type FaultPlan, type Faults, faultPlanSchema } from './faults.ts';

/** How the people and services out there behave when nobody acts for them. */
export const settingsSchema = z.strictObject({
  /** Shoppers pay by themselves. */
  autopay: z.boolean().default(false),
  autopayDelayMs: z.int().min(0).max(600_000).default(0),
  /** Parcels move on by themselves, or wait for `POST /sandbox/shipments/{id}`. */
  fulfil: z.enum(['auto', 'manual']).default('auto'),
  fulfilDelayMs: z.int().min(0).max(600_000).default(0),
});

export type SettingValues = z.infer<typeof settingsSchema>;

/** Settings and fault plan: kept in the database, so that a restart finds the same world. */
export class Settings {
  readonly #db: Database;
  readonly #faults: Faults;
  values: SettingValues = settingsSchema.parse({});

  constructor(db: Database, faults: Faults) {
    this.#db = db;
    this.#faults = faults;
  }

  async load(): Promise<void> {
    const rows = await this.#db.query<{ key: string; value: unknown }>({
      text: 'SELECT key, value FROM sandbox.setting',
    });
    for (const { key, value } of rows) {
      if (key === 'settings') this.values = settingsSchema.parse(value);
      if (key === 'faults') this.#faults.set(faultPlanSchema.parse(value));
    }
  }

  async put(values: SettingValues): Promise<void> {
    await this.#save('settings', values);
    this.values = values;
  }

  async putFaults(plan: FaultPlan): Promise<void> {
    await this.#save('faults', plan);
    this.#faults.set(plan);
  }

  async #save(key: string, value: unknown): Promise<void> {
    await this.#db.query({
      text: `INSERT INTO sandbox.setting (key, value) VALUES ($1, $2::jsonb) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      values: [key, JSON.stringify(value)],
    });
  }
}
