import type { Board } from '../board.ts';
import rulesAge from '../panels/gates/age.ts';
import behind from '../panels/gates/behind.ts';
import propagation from '../panels/gates/propagation.ts';
import refused from '../panels/gates/refused.ts';
import revisions from '../panels/gates/revisions.ts';
import switched from '../panels/gates/switched.ts';
import atRisk from '../panels/money/at-risk.ts';
import atRiskOverTime from '../panels/money/at-risk-over-time.ts';
import busLag from '../panels/money/bus-lag.ts';
import checkLag from '../panels/money/check-lag.ts';
import checkVerdicts from '../panels/money/check-verdicts.ts';
import findings from '../panels/money/findings.ts';
import stuckNow from '../panels/money/stuck-now.ts';
import verdict from '../panels/money/verdict.ts';
import gmv from '../panels/orders/gmv.ts';
import gmvRate from '../panels/orders/gmv-rate.ts';
import orderFunnel from '../panels/orders/order-funnel.ts';
import paymentFunnel from '../panels/orders/payment-funnel.ts';
import paymentSuccess from '../panels/orders/payment-success.ts';
import cpu from '../panels/processes/cpu.ts';
import eventLoop from '../panels/processes/event-loop.ts';
import memory from '../panels/processes/memory.ts';
import pool from '../panels/processes/pool.ts';
import poolWaiting from '../panels/processes/pool-waiting.ts';
import up from '../panels/processes/up.ts';
import advanced from '../panels/stuck/advanced.ts';
import stuckByState from '../panels/stuck/by-state.ts';
import oldest from '../panels/stuck/oldest.ts';
import repairs from '../panels/stuck/repairs.ts';
import runTime from '../panels/stuck/run-time.ts';
import errors from '../panels/traffic/errors.ts';
import outside from '../panels/traffic/outside.ts';
import outsideP99 from '../panels/traffic/outside-p99.ts';
import p50 from '../panels/traffic/p50.ts';
import p99 from '../panels/traffic/p99.ts';
import requestRate from '../panels/traffic/rate.ts';

/** One screen for the night of a sale, from "is money being lost" down to the machinery. */
export default {
  id: 'war-room',
  title: 'War room (大促作战室)',
  description: 'Is money being lost, do orders flow, what is stuck, what is switched, who is up.',
  sections: [
    {
      title: 'Is money being lost? (资损)',
      lines: [
        {
          height: 5,
          panels: [
            [verdict, 5],
            [atRisk, 6],
            [findings, 8],
            [stuckNow, 5],
          ],
        },
        {
          height: 8,
          panels: [
            [checkVerdicts, 14],
            [atRiskOverTime, 10],
          ],
        },
        {
          height: 7,
          panels: [
            [checkLag, 12],
            [busLag, 12],
          ],
        },
      ],
    },
    {
      title: 'Do orders flow? (订单与交易额)',
      lines: [
        {
          height: 8,
          panels: [
            [gmv, 5],
            [gmvRate, 9],
            [paymentSuccess, 10],
          ],
        },
        {
          height: 9,
          panels: [
            [orderFunnel, 12],
            [paymentFunnel, 12],
          ],
        },
      ],
    },
    {
      title: 'What is stuck, what was repaired? (卡单与补偿)',
      lines: [
        {
          height: 9,
          panels: [
            [stuckByState, 12],
            [oldest, 12],
          ],
        },
        {
          height: 8,
          panels: [
            [repairs, 8],
            [advanced, 8],
            [runTime, 8],
          ],
        },
      ],
    },
    {
      title: 'What is switched? (开关与防护)',
      lines: [
        {
          height: 8,
          panels: [
            [behind, 4],
            [revisions, 10],
            [rulesAge, 10],
          ],
        },
        {
          height: 8,
          panels: [
            [propagation, 6],
            [refused, 9],
            [switched, 9],
          ],
        },
      ],
    },
    {
      title: 'Who asks, and do we answer? (流量)',
      lines: [
        {
          height: 9,
          panels: [
            [requestRate, 12],
            [errors, 12],
          ],
        },
        {
          height: 9,
          panels: [
            [p50, 12],
            [p99, 12],
          ],
        },
        {
          height: 8,
          panels: [
            [outside, 12],
            [outsideP99, 12],
          ],
        },
      ],
    },
    {
      title: 'Who is up, and how full? (进程)',
      lines: [
        {
          height: 8,
          panels: [
            [up, 8],
            [cpu, 8],
            [memory, 8],
          ],
        },
        {
          height: 8,
          panels: [
            [eventLoop, 8],
            [pool, 8],
            [poolWaiting, 8],
          ],
        },
      ],
    },
  ],
} satisfies Board;
