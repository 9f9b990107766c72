import { z } from '@hono/zod-openapi';
import { wire } from '../kernel/http/wire.ts';
import { CURRENCIES } from '../kernel/money.ts';
import type { AccountView, EntryView } from './ledger.read.ts';
import type { Rebuild } from './rebuild.store.ts';

export const accountId = z
  .string()
  .regex(/^[a-z_]+(:[A-Za-z0-9_-]+){1,3}$/, 'must be an account such as merchant_payable:CNY')
  .openapi({ example: 'merchant_payable:CNY' });

export const account = z
  .object({
    id: z.string(),
    kind: z.string(),
    currency: z.string(),
    balance: z.string().openapi({
      description:
        'Minor units, as text: it may pass 2^53. Debit positive; of wallets and points (`floor` not null) what their holder may spend.',
    }),
    floor: z.int().nullable().openapi({ description: 'The least the balance may be; null where nothing limits it.' }),
    sequence: z.int().nullable().openapi({ description: 'How many entries a limited account has had.' }),
  })
  .openapi('Account', {
    example: {
      id: 'merchant_payable:CNY',
      kind: 'merchant_payable',
      currency: 'CNY',
      balance: '-15800',
      floor: null,
      sequence: null,
    },
  });

const signedMoney = z.object({ amount: z.int(), currency: z.string() });

export const entry = z
  .object({
    id: z.string(),
    kind: z.string(),
    reference: z.string(),
    payOrderId: z.string().nullable(),
    orderId: z.string().nullable(),
    accountId: z.string(),
    amount: signedMoney.openapi({ description: 'Debit positive, credit negative.' }),
    number: z.int().nullable().openapi({ description: 'The number of the entry in a limited account, without gap.' }),
    balanceAfter: z.string().nullable().openapi({ description: 'What it left on a limited account.' }),
    at: wire.time,
  })
  .openapi('LedgerEntry', {
    example: {
      id: '90312',
      kind: 'capture',
      reference: 'cap_01m87s5q3v9m4w8x2y6z0a1b2c',
      payOrderId: '1795708800001042000',
      orderId: '1795708800001042001',
      accountId: 'merchant_payable:CNY',
      amount: { amount: -7900, currency: 'CNY' },
      number: null,
      balanceAfter: null,
      at: '2026-11-11T00:00:03.000Z',
    },
  });

export const balance = z
  .object({ accountId: z.string(), currency: z.enum(CURRENCIES), balance: z.string() })
  .openapi('Balance', { example: { accountId: 'wallet:42:CNY', currency: 'CNY', balance: '5000' } });

export const statementLine = z
  .object({
    number: z.int(),
    kind: z.string(),
    reference: z.string(),
    payOrderId: z.string().nullable(),
    orderId: z.string().nullable(),
    change: signedMoney.openapi({ description: 'What the user gained; negative: what was spent.' }),
    balanceAfter: z.string(),
    at: wire.time,
  })
  .openapi('StatementLine', {
    example: {
      number: 2,
      kind: 'wallet_held',
      reference: 'pay_01m87s65y62cg9a0m0x0nh1q1x',
      payOrderId: '1795708800001042000',
      orderId: null,
      change: { amount: -1200, currency: 'CNY' },
      balanceAfter: '3800',
      at: '2026-11-11T00:00:03.000Z',
    },
  });

const stand = z.object({ balance: z.string(), sequence: z.int() });

export const rebuild = z
  .object({
    id: z.string(),
    accountId: z.string(),
    stored: stand,
    journal: stand,
    reason: z.string(),
    proposedBy: z.string(),
    proposedAt: wire.time,
    decision: z.enum(['applied', 'rejected']).nullable(),
    decidedBy: z.string().nullable(),
    decidedAt: wire.time.nullable(),
  })
  .openapi('BalanceRebuild', {
    example: {
      id: 'rbd_01m87s5q3v9m4w8x2y6z0a1b2c',
      accountId: 'wallet:42:CNY',
      stored: { balance: '5300', sequence: 2 },
      journal: { balance: '5000', sequence: 2 },
      reason: 'finding fnd_01m87s5q3v9m4w8x2y6z0a1b2c: torn restore',
      proposedBy: 'Han Mei',
      proposedAt: '2026-11-11T00:10:00.000Z',
      decision: null,
      decidedBy: null,
      decidedAt: null,
    },
  });

export function entryToWire(view: EntryView): z.infer<typeof entry> {
  const { amount, currency, balanceAfter, at, xid: _, ...rest } = view;
  return {
    ...rest,
    id: String(view.id),
    amount: { amount, currency },
    balanceAfter: balanceAfter === null ? null : String(balanceAfter),
    at: at.toISOString(),
  };
}

export function balanceToWire(view: AccountView): z.infer<typeof balance> {
  return { accountId: view.id, currency: view.currency, balance: view.balance };
}

export function lineToWire(view: EntryView): z.infer<typeof statementLine> {
  const { kind, reference, payOrderId, orderId, amount, currency } = view;
  return {
    number: view.number ?? 0,
    kind,
    reference,
    payOrderId,
    orderId,
    change: { amount: -amount, currency },
    balanceAfter: String(view.balanceAfter ?? 0),
    at: view.at.toISOString(),
  };
}

export function rebuildToWire(view: Rebuild): z.infer<typeof rebuild> {
  const { id, accountId: of, reason, proposedBy, decision, decidedBy } = view;
  return {
    id,
    accountId: of,
    stored: { balance: String(view.storedBalance), sequence: view.storedSequence },
    journal: { balance: String(view.journalBalance), sequence: view.journalSequence },
    reason,
    proposedBy,
    proposedAt: view.proposedAt.toISOString(),
    decision,
    decidedBy,
    decidedAt: view.decidedAt?.toISOString() ?? null,
  };
}
