import type { Sql } from '../kernel/db/database.ts';
import type { Currency } from '../kernel/money.ts';
import type { Notice } from '../payorders/payorders.ts';
import type { SharedLine } from './pricing.ts';

/** A line of a named order, at its place there: they count from 1 in the order they were asked for. */
export interface NewLine extends SharedLine {
  readonly orderId: string;
  readonly lineNo: number;
}

/** The lines of all orders of a checkout in one statement. */
export async function insertLines(sql: Sql, lines: readonly NewLine[]): Promise<void> {
  await sql.query({
    name: 'order_lines_insert',
    text: `INSERT INTO core.order_line
        (order_id, line_no, sku_id, snapshot_id, name, quantity, unit_price, discount, payable, coupon_amount, points_amount, points)
      SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])`,
    values: [
      lines.map((l) => l.orderId),
      lines.map((l) => l.lineNo),
      lines.map((l) => l.skuId),
      lines.map((l) => l.snapshotId),
      lines.map((l) => l.name),
      lines.map((l) => l.quantity),
      lines.map((l) => l.unitPrice),
      lines.map((l) => l.discount),
      lines.map((l) => l.payable),
      lines.map((l) => l.couponAmount),
      lines.map((l) => l.pointsAmount),
      lines.map((l) => l.points),
    ],
  });
}

/** A pay order with one of its orders, as the answer of its creation needs it. */
export interface CreatedRow {
  readonly pay_order_id: string;
  readonly body_digest: string;
  readonly currency: Currency;
  readonly pay_order_payable: number;
  readonly notices: readonly Notice[];
  readonly expires_at: Date;
  readonly order_id: string;
  readonly type: string;
  readonly shop_id: number;
  readonly warehouse_id: number;
  readonly goods_amount: number;
  readonly discount_amount: number;
  readonly payable: number;
  readonly balance_id: string | null;
  readonly balance_payable: number | null;
  readonly balance_opens_at: Date | null;
  readonly balance_expires_at: Date | null;
}

export async function findByKey(sql: Sql, userId: number, idempotencyKey: string): Promise<CreatedRow[]> {
  return sql.query<CreatedRow>({
    name: 'pay_order_by_key',
    text: `SELECT p.id AS pay_order_id, p.body_digest, p.currency, p.payable AS pay_order_payable, p.notices, p.expires_at,
        o.id AS order_id, o.type, o.shop_id, o.warehouse_id, o.goods_amount, o.discount_amount, o.payable,
        b.id AS balance_id, b.payable AS balance_payable, b.opens_at AS balance_opens_at, b.expires_at AS balance_expires_at
      FROM core.pay_order p JOIN core.orders o ON o.pay_order_id = p.id LEFT JOIN core.pay_order b ON b.first_id = p.id
      WHERE p.user_id = $1 AND p.idempotency_key = $2 ORDER BY o.id`,
    values: [userId, idempotencyKey],
  });
}
