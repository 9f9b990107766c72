CREATE TABLE "sandbox"."return_parcel" (
	"return_no" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"lines" jsonb NOT NULL,
	"state" text NOT NULL,
	"carrier" text,
	"tracking_no" text,
	"reason" text,
	"notify_url" text NOT NULL,
	"requests" integer DEFAULT 1 NOT NULL,
	"auto_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "return_state_known" CHECK ("sandbox"."return_parcel"."state" IN ('accepted','processing','received','failed'))
);
--> statement-breakpoint
ALTER TABLE "sandbox"."effect" DROP CONSTRAINT "effect_kind_known";--> statement-breakpoint
CREATE INDEX "return_auto" ON "sandbox"."return_parcel" USING btree ("auto_at") WHERE auto_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE "sandbox"."effect" ADD CONSTRAINT "effect_kind_known" CHECK ("sandbox"."effect"."kind" IN ('trade.paid','refund.done','coupon.deducted','coupon.rolled_back','points.deducted',
        'points.rolled_back','shipment.delivered','return.received','room.locked','room.released'));