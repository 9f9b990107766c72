import { defineCheck, found } from '../check.ts';
import { byRows } from '../findings/tiers.ts';
import { namesIn } from '../scope.ts';
import { stuckRows } from '../stuck.ts';

/**
 * No row sits in a state longer than it allows, and none waits for a person unseen. Limits: `../stuck.ts`. Rows:
 * `machine/id`.
 */
export default defineCheck({
  id: 'stuck-age',
  title: 'Nothing is stuck, nobody waits unseen',
  titleZh: '卡单超时与待人工',
  level: 'seconds',
  budgetMs: 5_000,
  covers:
    'No order, payment, shipment, refund, late capture, rollback or callback is over its limit or waits for a person.',
  mode: { by: 'scan' },
  severity: byRows,
  subjects: `SELECT (SELECT count(*) FROM core.payment WHERE state IN ('P0','P1','P2','P4','P5','P7'))
      + (SELECT count(*) FROM core.orders WHERE state IN ('O0','O1'))
      + (SELECT count(*) FROM core.shipment WHERE state IN ('F0','F1','F2'))
      + (SELECT count(*) FROM core.refund WHERE state IN ('R0','R1','R2','R4','R5','R6','R7','R8','R9','R11','R12','R13','R14','R15')) AS count`,
  violations: (db, scope) => {
    const wanted = namesIn(scope);
    return found(db, {
      text: stuckRows((machine) => (wanted === null ? '' : `AND '${machine}/' || r.id = ANY($2)`)),
      values: wanted === null ? [scope.now] : [scope.now, wanted],
    });
  },
});
