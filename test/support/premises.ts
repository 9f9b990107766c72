import type { Database } from '../../core/kernel/db/database.ts';

/** A running system as its customers and its auditors see it, whoever started it. */
export interface Premises {
  all(kind: 'core'): readonly { readonly url: string }[];
  one(kind: 'core' | 'sandbox'): { readonly url: string };
  readonly tokens: Readonly<Record<'shop' | 'merchant', string>>;
  readonly database: { readonly db: Database };
}
