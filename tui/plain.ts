import type { Overview } from '../control/api/contract.ts';
import { age, atRisk, checkSign, checkText, limit, money, moneyList, verdictWord } from './words.ts';

/** The overview as plain text, for `--once`, logs and places without a terminal. */
export function plainOverview(data: Overview): string {
  const { symbol, word } = verdictWord(data.verdict);
  const { propagation } = data;
  const lines = [
    `${symbol} ${word} · ${data.verdictReason}`,
    `${atRisk(data)} · GMV today ${moneyList(data.gmvToday)} · ${data.openFindings} open findings · ${data.at}`,
    `revision ${propagation.revision} enforced by ${propagation.applied}/${propagation.total}`,
    ...propagation.stragglers.map((s) => `  not by ${s.instance}: ${s.reason}`),
    '',
    'ORDERS 订单',
    ...data.funnel
      .filter((row) => row.count > 0)
      .map(
        (row) => `  ${row.state.padEnd(4)} ${row.name.padEnd(28)} ${row.count}${row.span === 'today' ? ' today' : ''}`,
      ),
    '',
    'STUCK 卡单',
    ...data.stuck
      .filter((row) => row.inState > 0 || row.waitingForPerson > 0)
      .map((row) => {
        const person = row.waitingForPerson > 0 ? `, ${row.waitingForPerson} wait for a person` : '';
        return `  ${row.state.padEnd(4)} ${row.stuck} stuck of ${row.inState}, oldest ${age(row.oldestSeconds)} (limit ${limit(row.limitSeconds)})${person}`;
      }),
    '',
    'CHECKS 核对',
    ...data.checks.map(
      (check) =>
        `  ${checkSign(check, false).symbol} ${check.id.padEnd(26)} ${checkText(check, data)}, ${age(check.ageSeconds)} ago`,
    ),
    '',
    'SWITCHES 开关',
    ...data.switches.map((s) => `  ${s.on ? 'on ' : 'OFF'} ${s.key.padEnd(26)} by ${s.updatedBy}`),
    '',
    'INSTANCES 实例',
    ...data.instances.map(
      (i) =>
        `  ${i.name.padEnd(16)} ${i.status.padEnd(10)} revision ${i.appliedRevision ?? '–'}${i.current ? '' : ' (behind)'}`,
    ),
    '',
    'FINDINGS 资损事件',
    ...(data.findings.length === 0 ? ['  none'] : []),
    ...data.findings.map((f) => `  ${f.tier} ${f.check} ${f.rowKey} ${money(f.exposure)}: ${f.detail}`),
  ];
  return `${lines.join('\n')}\n`;
}
