import type { Result } from '../errors.ts';
import type { Role } from './roles.ts';

/** Who asks: a token, and the person or machine that it names. */
export interface Principal {
  readonly tokenId: string;
  readonly name: string;
  readonly role: Role;
  /** The name that issued the token; four eyes compare it with the author. */
  readonly issuedBy: string;
  readonly expiresAt: Date;
}

/** Tells who sends an `Authorization` header. */
export interface Authenticator {
  authenticate(header: string | undefined): Promise<Result<Principal>>;
  /** Calls `onEnd` within 2 s of the end of the token: streams end with it. */
  watch(principal: Principal, onEnd: () => void): Disposable;
}
