import { rehashSlice, sealNew } from '../../../core/ledger/sealing.ts';
import { readSealStanding } from '../../../core/ledger/seals.read.ts';
import { readSystemIdentifier } from '../../../reconcile/check.store.ts';
import { eventually } from '../../support/eventually.ts';
import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'hash-chain',
  async plant(owner, world) {
    const server = (await readSystemIdentifier(owner)) ?? '';
    // Behind the horizon, which a transaction of another test may hold back for a moment.
    await eventually(async () => {
      await sealNew(world.ctx, server);
      return (await readSealStanding(world.ctx.db)).unsealedSince === null;
    });
    await owner.query({ text: 'ALTER TABLE core.posting DISABLE TRIGGER posting_append_only' });
    await owner.query({
      text: `UPDATE core.posting SET reason = 'P' || substr(reason, 2) WHERE id = (SELECT min(posting_id) FROM core.entry)`,
    });
    await owner.query({ text: 'ALTER TABLE core.posting ENABLE TRIGGER posting_append_only' });
    // What the reconcilers do every ten seconds: some slice comes to it.
    await eventually(async () => (await rehashSlice(world.ctx)).broken.length > 0);
    return { count: 1, amounts: { XXX: 0 } };
  },
};
export default plant;
