import { intoJournal, type Plant } from '../plant.ts';

const plant: Plant = {
  id: 'trial-balance',
  async plant(owner) {
    await intoJournal(owner, { reference: 'torn-1' }, [
      { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: 700, currency: 'CNY' },
    ]);
    await intoJournal(owner, { reference: 'torn-2' }, [
      { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: -1000, currency: 'CNY' },
    ]);
    return { count: 1, amounts: { CNY: 300 } };
  },
};
export default plant;
