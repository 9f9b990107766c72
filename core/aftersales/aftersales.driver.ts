import type { CoreContext } from '../context.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { refundDriver } from '../refunds/refunds.driver.ts';
import { refundMachine } from '../refunds/refunds.machine.ts';
import type { RefundRow } from '../refunds/refunds.store.ts';
import { settleGoods } from './goods.ts';
import { askReturn, pollReturn, sendReplacement } from './returning.ts';

/** Brings a refund from its approval to its end: first the goods, then, by the refunds' own driver, the money. */
export const afterSalesDriver: Driver<RefundRow, CoreContext> = {
  machine: refundMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row, signal): Promise<Step<RefundRow>> {
    switch (row.state) {
      case 'R2':
        return settleGoods(context, row, signal);
      case 'R4':
        return askReturn(context, row, signal);
      case 'R5':
        return pollReturn(context, row, signal);
      case 'R6':
        return row.kind === 'exchange' ? sendReplacement(context, row) : refundDriver.step(context, row, signal);
      case 'R7':
        await context.mover.move(context.db, refundMachine, {
          id: row.id,
          from: 'R7',
          to: 'R15',
          actor: 'core',
          reason: 'the goods did not come back: a person decides (异常单人工介入)',
          scope: row.pay_order_id,
        });
        return { kind: 'moved' };
      default:
        return refundDriver.step(context, row, signal);
    }
  },
};

export function kickAfterSales(context: CoreContext, id: string): void {
  context.background.kick('refund', (signal) => claimAndDrive(afterSalesDriver, context, id, signal));
}
