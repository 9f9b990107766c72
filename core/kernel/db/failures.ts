import { Skipped } from './batch.ts';

/**
 * The server does not answer, or dropped the connection. Of a transaction: before its commit was under way, so nothing was
 * written. Of a statement outside one: it may have run, so what is sent again must be such that it may run twice.
 */
export class DatabaseUnavailable extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** The connection died during COMMIT: the transaction may stand or not. Never retried blindly. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('the connection died while the transaction was being committed: it may stand or not', { cause });
    this.name = 'CommitUnknown';
  }
}

/** Conflicts that the server resolved by ending one of the two: what the loser wrote is undone, so it may try again. */
export const RETRY_CODES = new Set(['40001', '40P01']);
/** The server is starting, stopping, or out of connections; or it ended a transaction that had stood idle (25P03). */
const DOWN_CODES = new Set(['57P01', '57P02', '57P03', '53300', '08000', '08003', '08006', '08001', '08004', '25P03']);
const DOWN_ERRNO = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
/** It answers, but does not let us in: an unknown role, a wrong password, an unknown database. */
const SHUT_CODES = new Set(['28000', '28P01', '3D000']);

/** It answers, but has no disk or memory left for this statement. What came before it in its transaction is undone. */
const FULL_CODES = new Set(['53000', '53100', '53200', '53400', '58030']);

/** The code of an error of Postgres, or of the line to it; empty for any other. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether an error says that the database is away; also when it is why a statement was skipped. */
export function isDown(error: unknown): boolean {
  if (error instanceof Skipped) return isDown(error.cause);
  const code = codeOf(error);
  if (DOWN_CODES.has(code) || DOWN_ERRNO.has(code)) return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|timeout expired|not queryable/i.test(error.message)
  );
}

/** The error as a `DatabaseUnavailable`, where it says that the database cannot be used; any other as it is. */
export function asUnavailable(error: unknown): unknown {
  const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
  if (SHUT_CODES.has(codeOf(error)))
    return new DatabaseUnavailable(`the database does not let us in (${reason})`, error);
  if (FULL_CODES.has(codeOf(error))) return new DatabaseUnavailable(`the database cannot take it (${reason})`, error);
  if (!isDown(error)) return error;
  return new DatabaseUnavailable(`the database does not answer (${reason})`, error);
}
