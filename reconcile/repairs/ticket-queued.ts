import { ticketMachine } from '../../core/orders/tickets.machine.ts';
import { ticketDriver } from '../../core/orders/tickets.ts';
import { defineRepair } from '../repair.ts';

/** QUEUED: the drain serves it in its turn. One whose turn did not come in time is ended with that reason. */
export default defineRepair({
  id: 'ticket-queued',
  title: 'tickets whose turn did not come in time',
  machine: ticketMachine,
  states: ['QUEUED'],
  driver: ticketDriver,
});
