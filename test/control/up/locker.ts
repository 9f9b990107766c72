import { type Lock, lockDataDir } from '../../../control/up/lock.ts';

/** A start as far as its lock: takes it when told `take`, answers whether it did, and gives it back when told `give`. */
let lock: Lock | undefined;
process.on('message', ({ dataDir, what }: { dataDir: string; what: 'take' | 'give' }) => {
  if (what === 'give') {
    lock?.release();
    process.send?.('given');
    return;
  }
  lockDataDir(dataDir).then(
    (taken) => {
      lock = taken;
      process.send?.('taken');
    },
    (error: unknown) => process.send?.(error instanceof Error ? error.name : 'no error'),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
