CREATE TABLE "sandbox"."room_lock" (
	"lock_id" text PRIMARY KEY NOT NULL,
	"order_id" text,
	"room_type" text,
	"rooms" integer,
	"check_in" text,
	"check_out" text,
	"guest" text,
	"state" text NOT NULL,
	"confirmation" text,
	"reason" text,
	"tombstone" boolean DEFAULT false NOT NULL,
	"requests" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "room_lock_state_known" CHECK ("sandbox"."room_lock"."state" IN ('locked','refused','released')),
	CONSTRAINT "room_lock_complete" CHECK ("sandbox"."room_lock"."tombstone" OR "sandbox"."room_lock"."rooms" > 0)
);
--> statement-breakpoint
ALTER TABLE "sandbox"."effect" DROP CONSTRAINT "effect_kind_known";--> statement-breakpoint
ALTER TABLE "sandbox"."shipment" ADD COLUMN "account" text;--> statement-breakpoint
ALTER TABLE "sandbox"."effect" ADD CONSTRAINT "effect_kind_known" CHECK ("sandbox"."effect"."kind" IN ('trade.paid','refund.done','coupon.deducted','coupon.rolled_back','points.deducted',
        'points.rolled_back','shipment.delivered','room.locked','room.released'));