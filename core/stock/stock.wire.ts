import { z } from '@hono/zod-openapi';
import { wire } from '../kernel/http/wire.ts';

/** The stock of one SKU, as every answer that names it shows it. */
export const stockSchema = wire.object({ onHand: z.int(), reserved: z.int(), sold: z.int() }).openapi('Stock');
