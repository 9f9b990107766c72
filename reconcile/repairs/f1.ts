import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import { shipmentDriver } from '../../core/fulfilment/fulfilment.ts';
import { defineRepair } from '../repair.ts';

/** F1: the fulfilment service may or may not have been reached. Ask it; no record → `init` again under the same key. */
export default defineRepair({
  id: 'f1',
  title: 'shipments whose fulfilment answer is missing',
  machine: shipmentMachine,
  states: ['F1'],
  driver: shipmentDriver,
});
