import { shipmentMachine } from '../../core/fulfilment/fulfilment.machine.ts';
import { shipmentDriver } from '../../core/fulfilment/fulfilment.ts';
import { defineRepair } from '../repair.ts';

/** F2: the callback may be lost. Ask the fulfilment service: delivered, failed, cancelled → F4, F3, F5. */
export default defineRepair({
  id: 'f2',
  title: 'shipments under way',
  machine: shipmentMachine,
  states: ['F2'],
  driver: shipmentDriver,
});
