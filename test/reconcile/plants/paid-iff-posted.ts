import { intoJournal, type Plant } from '../plant.ts';

const plant: Plant = {
  id: 'paid-iff-posted',
  async plant(owner, _world, clean) {
    await owner.query({ text: 'UPDATE core.pay_order SET paid_at = NULL WHERE id = $1', values: [clean.paid] });
    await intoJournal(owner, { reference: 'twice', payOrderId: clean.shipped }, [
      { account: 'clearing:sandbox:CNY', kind: 'clearing', amount: 10, currency: 'CNY' },
      { account: 'merchant_payable:CNY', kind: 'merchant_payable', amount: -10, currency: 'CNY' },
    ]);
    await owner.query({ text: `UPDATE core.orders SET state = 'O1' WHERE pay_order_id = $1`, values: [clean.unpaid] });
    // The second was paid with a coupon of 10.00.
    return { count: 3, amounts: { CNY: 7900 + 6900 + 7900 }, dirty: [clean.paid, clean.shipped, clean.unpaid] };
  },
};
export default plant;
