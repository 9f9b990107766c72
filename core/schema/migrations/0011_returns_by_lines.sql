ALTER TABLE "core"."marketing_return" DROP CONSTRAINT "marketing_return_amounts";--> statement-breakpoint
ALTER TABLE "core"."marketing_return" ALTER COLUMN "points" SET DEFAULT 0;--> statement-breakpoint
ALTER TABLE "core"."marketing_return" DROP COLUMN "coupon_amount";--> statement-breakpoint
ALTER TABLE "core"."marketing_return" DROP COLUMN "points_amount";--> statement-breakpoint
ALTER TABLE "core"."marketing_return" ADD CONSTRAINT "marketing_return_amounts" CHECK ("core"."marketing_return"."points" >= 0 AND "core"."marketing_return"."clawed_points" >= 0 AND "core"."marketing_return"."missing_points" >= 0 AND "core"."marketing_return"."withheld" >= 0);