import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import { shipmentDriver } from '../../core/fulfilment/fulfilment.ts';
import { defineRepair } from '../repair.ts';

/** F0 at O1: the order is paid and its shipment was never asked for. Write F1, then ask. */
export default defineRepair({
  id: 'f0',
  title: 'shipments of paid orders that have not started',
  machine: shipmentMachine,
  states: ['F0'],
  driver: shipmentDriver,
});
