CREATE TABLE "core"."room_lock" (
	"id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"pay_order_id" text NOT NULL,
	"sku_id" bigint NOT NULL,
	"rooms" integer NOT NULL,
	"check_in" text NOT NULL,
	"check_out" text NOT NULL,
	"guest" text NOT NULL,
	"free_until" timestamp with time zone,
	"penalty_percent" integer DEFAULT 0 NOT NULL,
	"confirmation" text,
	"release_reason" text,
	"penalty" bigint,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "room_lock_state_known" CHECK ("core"."room_lock"."state" IN ('ASKED','LOCKED','REFUSED','CONFIRMED','STAYED','RELEASING','RELEASED')),
	CONSTRAINT "room_lock_stay" CHECK ("core"."room_lock"."check_in" < "core"."room_lock"."check_out" AND "core"."room_lock"."rooms" > 0),
	CONSTRAINT "room_lock_penalty" CHECK ("core"."room_lock"."penalty_percent" BETWEEN 0 AND 100 AND "core"."room_lock"."penalty" >= 0)
);
--> statement-breakpoint
ALTER TABLE "core"."capture" DROP CONSTRAINT "capture_state_known";--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD COLUMN "first_id" text;--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD COLUMN "opens_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD COLUMN "late_capture" text DEFAULT 'refund' NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."room_lock" ADD CONSTRAINT "room_lock_order_id_orders_id_fk" FOREIGN KEY ("order_id") REFERENCES "core"."orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "room_lock_order" ON "core"."room_lock" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "room_lock_pay_order" ON "core"."room_lock" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "room_lock_due" ON "core"."room_lock" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "room_lock_person" ON "core"."room_lock" USING btree ("state") WHERE person_reason IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "pay_order_balance" ON "core"."pay_order" USING btree ("first_id") WHERE first_id IS NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD CONSTRAINT "pay_order_stage_known" CHECK ("core"."pay_order"."stage" IN ('full','deposit','balance'));--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD CONSTRAINT "pay_order_balance_follows" CHECK (("core"."pay_order"."stage" = 'balance') = ("core"."pay_order"."first_id" IS NOT NULL));--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD CONSTRAINT "pay_order_late_known" CHECK ("core"."pay_order"."late_capture" IN ('refund','revive'));--> statement-breakpoint
ALTER TABLE "core"."capture" ADD CONSTRAINT "capture_state_known" CHECK ("core"."capture"."state" IN ('APPLIED','LATE','HANDLED','REVIVED'));