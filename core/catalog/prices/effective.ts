/** The types of a price, the strongest first: the one that counts when several are in effect. */
export const PRICE_TYPES = ['flash', 'promotion', 'standard'] as const;
export type PriceType = (typeof PRICE_TYPES)[number];

/**
 * Joins `e`: the price of SKU `k` in effect at the time that the parameter says; no row where only its standing price is.
 * It reads the index from that time on, so what is over costs nothing.
 */
export function joinEffective(at: string): string {
  return `LEFT JOIN LATERAL (
        SELECT amount, free, type, snapshot_id FROM core.price
        WHERE sku_id = k.id AND effective_to > ${at} AND effective_from <= ${at}
        ORDER BY CASE type WHEN 'flash' THEN 0 WHEN 'promotion' THEN 1 ELSE 2 END, effective_from DESC, id DESC LIMIT 1
      ) e ON true`;
}

/** When a price of SKU `k` begins or ends next after that time; null: nothing of it is known to change. */
export function nextChange(at: string): string {
  return `(SELECT min(CASE WHEN effective_from > ${at} THEN effective_from ELSE nullif(effective_to, 'infinity') END)
        FROM core.price WHERE sku_id = k.id AND effective_to > ${at})`;
}
