import type { Tx } from '../kernel/db/database.ts';
import { deduct } from './deductions.ts';
import type { ParkedOperation } from './parked.ts';
import { refundTrade } from './refunds.ts';
import { initReturn, kickReturn } from './returns.ts';
import { lockRoom } from './rooms.ts';
import { initShipment, kickDelivery } from './shipments.ts';
import { initTrade, kickAutopay } from './trades.ts';
import { channel, deductionBody, refundBody, returnBody, roomBody, shipmentBody, tradeBody } from './wire.ts';
import type { World } from './world.ts';

const lateTrade = tradeBody.extend({ channel });
const lateRefund = refundBody.extend({ channel });

/**
 * Carries out a request that a fault has held back: the same command as at its door, so that it meets the tombstones put
 * meanwhile. Nobody waits for its answer. What must follow the commit is returned.
 */
export async function arriveLate(
  world: World,
  tx: Tx,
  operation: ParkedOperation,
  input: unknown,
): Promise<() => void> {
  switch (operation) {
    case 'initTrade': {
      const row = await initTrade(world, tx, lateTrade.parse(input), null);
      return () => row !== null && kickAutopay(world, row);
    }
    case 'refundTrade': {
      const made = await refundTrade(world, tx, lateRefund.parse(input), null);
      return () => {
        world.callbacks.send(made?.messages ?? []);
        if (made?.row.state === 'processing') world.autopilot.kick('refund', world.knobs.settings.refundDelayMs);
      };
    }
    case 'deduct':
      await deduct(tx, deductionBody.parse(input), null);
      return () => {};
    case 'lockRoom':
      await lockRoom(tx, roomBody.parse(input), null);
      return () => {};
    case 'initReturn': {
      const row = await initReturn(world, tx, returnBody.parse(input), null);
      return () => row !== null && kickReturn(world, row);
    }
    case 'initShipment': {
      const row = await initShipment(world, tx, shipmentBody.parse(input), null);
      return () => row !== null && kickDelivery(world, row);
    }
  }
}
