import type { Outside } from '../kernel/http/outside.ts';
import { loadRegistry } from '../kernel/registry.ts';
import type { PaymentChannel } from './channel.port.ts';

/** What a channel's file is given to reach its channel. */
export interface ChannelEnvironment {
  readonly baseUrl: string;
  readonly notifyBase: string;
  readonly merchantId: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}

/** A payment channel as its file declares it. */
export interface ChannelDeclaration {
  readonly id: string;
  open(environment: ChannelEnvironment): PaymentChannel;
}

const FOLDER = new URL('./channels/', import.meta.url);

/** All payment channels: one file each in `channels/`, its name the channel's id. */
export async function loadChannels(environment: ChannelEnvironment): Promise<ReadonlyMap<string, PaymentChannel>> {
  const declared = await loadRegistry<ChannelDeclaration>(FOLDER);
  return new Map([...declared].map(([id, declaration]) => [id, declaration.open(environment)]));
}
