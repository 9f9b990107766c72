import { z } from 'zod';
import { ApiError, type Client, Unreachable } from '../client.ts';
import { CommandError } from '../command-error.ts';
import type { Cast } from './player.ts';

const anything = z.unknown();
/** Numbers that nothing has: only a token that may act gets as far as being told so. */
const NO_PRODUCT = '999999999999';
const NO_PAY_ORDER = '0'.repeat(19);

/** Asks everyone the replay needs whether they answer and take its tokens, before anything is done. */
export async function demandReady(cast: Cast & { readonly control: Client }, signal: AbortSignal): Promise<void> {
  const publish = { method: 'POST', signal } as const;
  const pay = { method: 'POST', body: { channel: 'sandbox' }, signal } as const;
  await demand('the core', 'merchant', () =>
    cast.merchant.call(anything, `/v1/products/${NO_PRODUCT}/publish`, publish),
  );
  await demand('the core', 'shop', () => cast.shop.call(anything, `/v1/pay-orders/${NO_PAY_ORDER}/pay`, pay));
  await demand('the sandbox', null, () => cast.channel.call(anything, '/healthz', { signal }));
  try {
    await demand('control', 'viewer', () => cast.control.call(anything, '/v1/checks', { signal }));
  } catch (error) {
    // The core does without control; the closing summary then says that the checks are not known.
    if (!(error instanceof NoAnswer)) throw error;
  }
}

class NoAnswer extends CommandError {}

async function demand(who: string, token: string | null, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Unreachable)
      throw new NoAnswer(`${who} is not there: ${error.message}. Start the system with npm start; nothing was played.`);
    if (!(error instanceof ApiError)) throw error;
    if (error.code === 'product_unknown' || error.code === 'pay_order_unknown') return;
    if (error.status === 401 || error.status === 403)
      throw new CommandError(
        `${who} refuses the token "${token}": ${error.title}. Tokens are read from tokens.json in TIDEGATE_DATA_DIR (default .tidegate); TIDEGATE_TOKEN replaces them and must be an admin's. Nothing was played.`,
      );
    throw new CommandError(`${who} cannot serve now: ${error.title} (${error.message}). Nothing was played.`);
  }
}
