import { check } from 'drizzle-orm/pg-core';
import { at, core, index, sql, text } from './columns.ts';

/**
 * Bearer tokens. Only the SHA-256 of the secret is kept: the secret is 256 random bits, so a slow hash would add nothing
 * but load. `name` is the person or machine; `issued_by` is the name that issued it, which four-eyes checks compare.
 */
export const token = core.table(
  'token',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    role: text('role').notNull(),
    hash: text('hash').notNull(),
    issuedBy: text('issued_by').notNull(),
    createdAt: at('created_at').notNull(),
    expiresAt: at('expires_at').notNull(),
    revokedAt: at('revoked_at'),
    revokedBy: text('revoked_by'),
  },
  (t) => [
    index('token_name_idx').on(t.name),
    check('token_role_known', sql`${t.role} IN ('viewer','operator','approver','admin','instance','shop','merchant')`),
    check('token_hash_is_sha256', sql`${t.hash} ~ '^[0-9a-f]{64}$'`),
    check('token_expires_after_creation', sql`${t.expiresAt} > ${t.createdAt}`),
    check('token_revocation_names_someone', sql`(${t.revokedAt} IS NULL) = (${t.revokedBy} IS NULL)`),
  ],
);
