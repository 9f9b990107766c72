import type { CoreContext } from '../context.ts';
import { claimAndDrive, type Driver, type Step } from '../kernel/driver.ts';
import { readRow } from '../kernel/machine.ts';
import { lockPayOrder } from '../payorders/payorders.ts';
import { openRefund } from '../refunds/refunds.ts';
import { captureMachine } from './payments.machine.ts';
import type { CaptureRow } from './payments.store.ts';
import { revive } from './revival.ts';

/**
 * Late captures (迟到的支付成功): money that came after the attempt's end lies in suspense and goes back in full, by
 * itself, through the shortest refund path; or its order lives again, where that was agreed and can be.
 */
export const lateCaptureDriver: Driver<CaptureRow, CoreContext> = {
  machine: captureMachine,
  scope: (row) => row.pay_order_id,
  async step(context, row): Promise<Step<CaptureRow>> {
    if (row.state !== 'LATE') return { kind: 'rest' };
    await context.db.tx(async (tx) => {
      const payOrder = await lockPayOrder(tx, row.pay_order_id);
      // Behind the lock: another may have settled it.
      if ((await readRow(tx, captureMachine, row.id))?.state !== 'LATE') return;
      if (payOrder !== null && (await revive(context, tx, payOrder, row))) return;
      const moved = await context.mover.move(tx, captureMachine, {
        id: row.id,
        from: 'LATE',
        to: 'HANDLED',
        actor: 'core',
        reason: 'it is refunded in full',
        scope: row.pay_order_id,
      });
      if (moved.kind !== 'moved') return;
      await openRefund(tx, context, {
        payOrderId: row.pay_order_id,
        orderId: null,
        captureId: row.id,
        channel: row.channel,
        currency: row.currency,
        amount: row.amount,
        subsidy: 0,
        cause: 'late_capture',
        reason: 'captured after the attempt had ended',
      });
    });
    return { kind: 'moved' };
  },
};

export function kickLateCapture(context: CoreContext, id: string): void {
  context.background.kick('late capture', (signal) => claimAndDrive(lateCaptureDriver, context, id, signal));
}
