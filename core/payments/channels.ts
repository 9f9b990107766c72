import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outside } from '../kernel/http/outside.ts';
import type { PaymentChannel } from './channel.port.ts';

/** What a channel's file is given to reach its channel. */
export interface ChannelEnvironment {
  readonly baseUrl: string;
  readonly notifyBase: string;
  readonly merchantId: string;
  readonly outside: Outside;
  readonly timeoutMs: number;
}

export type ChannelFactory = (environment: ChannelEnvironment) => PaymentChannel;

const FOLDER = join(import.meta.dirname, 'channels');

/** All payment channels: one file each in `channels/`, its name the channel's id. */
export async function loadChannels(environment: ChannelEnvironment): Promise<ReadonlyMap<string, PaymentChannel>> {
  const channels = new Map<string, PaymentChannel>();
  for (const file of (await readdir(FOLDER)).filter((name) => name.endsWith('.ts')).sort()) {
    const module = (await import(join(FOLDER, file))) as { default: ChannelFactory };
    const channel = module.default(environment);
    if (`${channel.id}.ts` !== file)
      throw new Error(`core/payments/channels/${file} must make the channel of its name, not ${channel.id}`);
    channels.set(channel.id, channel);
  }
  return channels;
}
