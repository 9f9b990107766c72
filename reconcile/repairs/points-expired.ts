import { expirePoints } from '../../core/marketing/points.ts';
import { defineSweep } from '../repair.ts';

/** Points that were not spent in time: taken out of their lots, and booked, each once. */
export default defineSweep({
  id: 'points-expired',
  title: 'points whose time has come to its end',
  state: 'expired',
  sweep: expirePoints,
});
