import type { ChannelDeclaration } from '../channels.ts';
import { httpChannel } from '../http-channel.ts';

export default {
  id: 'sandbox-b',
  open: (environment) => httpChannel({ ...environment, id: 'sandbox-b' }),
} satisfies ChannelDeclaration;
