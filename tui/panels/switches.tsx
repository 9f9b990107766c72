import type { SwitchView } from '../../control/api/contract.ts';
import { Row } from '../components/panel.tsx';
import { ageAt, sideOf } from '../words.ts';
import { mark, type PanelSpec, type PanelView, WIDE } from './panel-spec.ts';

/** Where it stands away from its default: since when, and by whom where there is room. The key is never cut for it. */
function since(one: SwitchView, { data, width }: PanelView): string {
  if (one.on === one.default) return 'default';
  const old = ageAt(one.updatedAt, data);
  return width < WIDE ? old : `by ${one.updatedBy} ${old} ago`;
}

/** The degradation switches. `on` is the normal behaviour, so whatever stands away from its default is marked. */
export const switches: PanelSpec = {
  title: 'Switches 开关',
  note: ({ data }) => {
    const away = data.switches.filter(({ on, default: normal }) => on !== normal).length;
    return away === 0 ? 'all default' : `${away} away from default`;
  },
  keys: (data) => data.switches.map(({ key }) => key),
  rows: (view) =>
    view.data.switches.map((one, i) => {
      const normal = one.on === one.default;
      const tone = normal ? 'plain' : 'unsure';
      return (
        <Row
          key={one.key}
          cells={[
            { text: `${mark(view, i)}${normal ? ' ' : '!'}`, width: 2, tone },
            { text: sideOf(one.on), width: 3, tone },
            { text: `${one.key}${view.width < WIDE ? '' : ` · off: ${one.effect}`}`, grow: true, tone },
            { text: since(one, view), tone },
          ]}
        />
      );
    }),
  facts: (data, key) => {
    const one = data.switches.find((other) => other.key === key);
    if (one === undefined) return [];
    return [
      ['switch', `${one.key} is ${sideOf(one.on)}; its default is ${sideOf(one.default)}`],
      ['off means', one.effect],
      ['关闭后', one.effectZh],
      ['owner', `${one.owner}${one.fundLoss ? ' · FUND LOSS 涉及资金' : ''}`],
      ['changed', `by ${one.updatedBy} ${ageAt(one.updatedAt, data)} ago (${one.updatedAt})`],
      ['reason', one.reason ?? 'none given'],
      ['version', `${one.version}, in force since revision ${one.revision}`],
    ];
  },
};
