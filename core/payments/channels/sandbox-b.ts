import type { ChannelFactory } from '../channels.ts';
import { httpChannel } from '../http-channel.ts';

export default ((environment) => httpChannel({ ...environment, id: 'sandbox-b' })) satisfies ChannelFactory;
