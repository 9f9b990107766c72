import type { ChannelDeclaration } from '../channels.ts';
import { httpChannel } from '../http-channel.ts';

export default {
  id: 'sandbox',
  open: (environment) => httpChannel({ ...environment, id: 'sandbox' }),
} satisfies ChannelDeclaration;
