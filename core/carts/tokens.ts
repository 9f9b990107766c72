import { createHmac, timingSafeEqual } from 'node:crypto';

/** A month: a visitor who has not logged in by then has forgotten the cart, too. */
export const TOKEN_LIFE_MS = 30 * 24 * 3_600_000;

const SHAPE = /^(crt_[0-9a-z]{26})\.(\d{1,12})\.([A-Za-z0-9_-]{43})$/;

export interface CartToken {
  readonly cartId: string;
  readonly expiresAt: Date;
}

/**
 * The tokens of visitors who have not logged in (临时购物车): `cart.expiry.signature`, HMAC-SHA-256. Whoever holds one owns
 * the cart that it names, until it is merged or over. Nothing is stored until something is put in.
 */
export class CartTokens {
  readonly #key: Buffer;

  /** `master` is the secret that all cores share; the key is derived from it for this one use. */
  constructor(master: string) {
    this.#key = createHmac('sha256', master).update('cart tokens').digest();
  }

  issue(cartId: string, expiresAt: Date): string {
    const text = `${cartId}.${Math.floor(expiresAt.getTime() / 1000)}`;
    return `${text}.${this.#sign(text).toString('base64url')}`;
  }

  /** What the token says, or null when it is not one of ours, or over. Takes the same time whatever the signature is. */
  read(token: string, now: Date): CartToken | null {
    const [, cartId, seconds, signature] = SHAPE.exec(token) ?? [];
    if (cartId === undefined || seconds === undefined || signature === undefined) return null;
    if (!timingSafeEqual(this.#sign(`${cartId}.${seconds}`), Buffer.from(signature, 'base64url'))) return null;
    const expiresAt = new Date(Number(seconds) * 1000);
    return expiresAt > now ? { cartId, expiresAt } : null;
  }

  #sign(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
