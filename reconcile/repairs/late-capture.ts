import { lateCaptureDriver } from '../../core/payments/late.ts';
import { captureMachine } from '../../core/payments/payments.machine.ts';
import { defineRepair } from '../repair.ts';

/** Money that arrived after its attempt had ended lies in suspense: open its refund. */
export default defineRepair({
  id: 'late-capture',
  title: 'captures that came after the end',
  machine: captureMachine,
  states: ['LATE'],
  driver: lateCaptureDriver,
});
