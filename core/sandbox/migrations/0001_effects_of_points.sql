ALTER TABLE "sandbox"."effect" DROP CONSTRAINT "effect_kind_known";--> statement-breakpoint
ALTER TABLE "sandbox"."effect" ADD CONSTRAINT "effect_kind_known" CHECK ("sandbox"."effect"."kind" IN ('trade.paid','refund.done','coupon.deducted','coupon.rolled_back','points.deducted',
        'points.rolled_back','shipment.delivered'));