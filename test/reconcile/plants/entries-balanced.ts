import { intoJournal, type Plant } from '../plant.ts';

const plant: Plant = {
  id: 'entries-balanced',
  async plant(owner) {
    await intoJournal(owner, { reference: 'one-sided' }, [
      { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: 1234, currency: 'CNY' },
    ]);
    await intoJournal(owner, { reference: 'two-currencies' }, [
      { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: 50, currency: 'CNY' },
      { account: 'clearing:sandbox:JPY', kind: 'clearing', amount: -50, currency: 'JPY' },
    ]);
    return { count: 3, amounts: { CNY: 1284, JPY: 50 } };
  },
};
export default plant;
