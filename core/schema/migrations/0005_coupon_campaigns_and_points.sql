CREATE TABLE "core"."campaign" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"code" text,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"threshold" bigint NOT NULL,
	"basis_points" integer,
	"starts_at" timestamp with time zone NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"per_user_quota" integer,
	"total_quota" bigint,
	"budget" bigint,
	"grant_key" text NOT NULL,
	"grant_digest" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "campaign_code_unique" UNIQUE("code"),
	CONSTRAINT "campaign_grant_key_unique" UNIQUE("grant_key"),
	CONSTRAINT "campaign_state_known" CHECK ("core"."campaign"."state" IN ('ACTIVE','PAUSED','ENDED')),
	CONSTRAINT "campaign_kind_known" CHECK ("core"."campaign"."kind" IN ('fixed','threshold','percentage')),
	CONSTRAINT "campaign_percentage" CHECK (("core"."campaign"."kind" = 'percentage') = ("core"."campaign"."basis_points" IS NOT NULL)),
	CONSTRAINT "campaign_basis_points" CHECK ("core"."campaign"."basis_points" BETWEEN 1 AND 10000),
	CONSTRAINT "campaign_worth_something" CHECK ("core"."campaign"."amount" > 0 AND "core"."campaign"."threshold" >= 0),
	CONSTRAINT "campaign_lasts" CHECK ("core"."campaign"."starts_at" < "core"."campaign"."ends_at"),
	CONSTRAINT "campaign_limits" CHECK ("core"."campaign"."per_user_quota" > 0 AND "core"."campaign"."total_quota" > 0 AND "core"."campaign"."budget" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."campaign_lane" (
	"campaign_id" text NOT NULL,
	"no" integer NOT NULL,
	"slots" bigint,
	"budget" bigint,
	CONSTRAINT "campaign_lane_campaign_id_no_pk" PRIMARY KEY("campaign_id","no"),
	CONSTRAINT "campaign_lane_left" CHECK ("core"."campaign_lane"."slots" >= 0 AND "core"."campaign_lane"."budget" >= 0)
);
--> statement-breakpoint
CREATE TABLE "core"."marketing_return" (
	"refund_id" text PRIMARY KEY NOT NULL,
	"pay_order_id" text NOT NULL,
	"order_id" text NOT NULL,
	"coupon_amount" bigint NOT NULL,
	"points_amount" bigint NOT NULL,
	"points" bigint NOT NULL,
	"clawed_points" bigint NOT NULL,
	"missing_points" bigint NOT NULL,
	"withheld" bigint NOT NULL,
	"returned_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "marketing_return_amounts" CHECK ("core"."marketing_return"."coupon_amount" >= 0 AND "core"."marketing_return"."points_amount" >= 0 AND "core"."marketing_return"."points" >= 0 AND "core"."marketing_return"."clawed_points" >= 0
        AND "core"."marketing_return"."missing_points" >= 0 AND "core"."marketing_return"."withheld" >= 0)
);
--> statement-breakpoint
CREATE TABLE "core"."points_hold" (
	"pay_order_id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"points" bigint NOT NULL,
	"state" text NOT NULL,
	"lots" jsonb NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "points_hold_state_known" CHECK ("core"."points_hold"."state" IN ('locked','used','released')),
	CONSTRAINT "points_hold_some" CHECK ("core"."points_hold"."points" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."points_lot" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"source" text NOT NULL,
	"reference" text NOT NULL,
	"points" bigint NOT NULL,
	"rest" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"digest" text,
	CONSTRAINT "points_lot_source_known" CHECK ("core"."points_lot"."source" IN ('grant','earned','returned')),
	CONSTRAINT "points_lot_rest" CHECK ("core"."points_lot"."points" > 0 AND "core"."points_lot"."rest" BETWEEN 0 AND "core"."points_lot"."points")
);
--> statement-breakpoint
ALTER TABLE "core"."coupon" DROP CONSTRAINT "coupon_state_known";--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "campaign_id" text;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "kind" text DEFAULT 'fixed' NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "basis_points" integer;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "valid_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "shared" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD COLUMN "discount" bigint;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "coupon_amount" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "points_amount" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "points" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD COLUMN "points" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD COLUMN "points_amount" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."campaign_lane" ADD CONSTRAINT "campaign_lane_campaign_id_campaign_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "core"."campaign"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "marketing_return_pay_order" ON "core"."marketing_return" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "marketing_return_order" ON "core"."marketing_return" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "points_hold_user" ON "core"."points_hold" USING btree ("user_id") WHERE state = 'locked';--> statement-breakpoint
CREATE UNIQUE INDEX "points_lot_once" ON "core"."points_lot" USING btree ("source","reference");--> statement-breakpoint
CREATE INDEX "points_lot_user" ON "core"."points_lot" USING btree ("user_id","expires_at","id") WHERE rest > 0;--> statement-breakpoint
CREATE INDEX "points_lot_expiry" ON "core"."points_lot" USING btree ("expires_at","id") WHERE rest > 0;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_campaign_id_campaign_id_fk" FOREIGN KEY ("campaign_id") REFERENCES "core"."campaign"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "coupon_user" ON "core"."coupon" USING btree ("user_id","code") WHERE user_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "coupon_campaign_user" ON "core"."coupon" USING btree ("campaign_id","user_id") WHERE campaign_id IS NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_kind_known" CHECK ("core"."coupon"."kind" IN ('fixed','threshold','percentage'));--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_percentage" CHECK (("core"."coupon"."kind" = 'percentage') = ("core"."coupon"."basis_points" IS NOT NULL));--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_discount" CHECK ("core"."coupon"."discount" BETWEEN 0 AND "core"."coupon"."amount");--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_shared" CHECK (NOT "core"."coupon"."shared" OR "core"."coupon"."state" <> 'available');--> statement-breakpoint
ALTER TABLE "core"."coupon" ADD CONSTRAINT "coupon_state_known" CHECK ("core"."coupon"."state" IN ('available','locked','used','void'));--> statement-breakpoint
UPDATE "core"."order_line" SET coupon_amount = discount WHERE discount <> 0;--> statement-breakpoint
UPDATE "core"."coupon" SET kind = 'threshold' WHERE threshold > 0;--> statement-breakpoint
UPDATE "core"."coupon" c SET discount = least(c.amount, p.discount) FROM "core"."pay_order" p WHERE p.id = c.pay_order_id;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_discount_adds_up" CHECK ("core"."order_line"."discount" = "core"."order_line"."coupon_amount" + "core"."order_line"."points_amount" AND "core"."order_line"."coupon_amount" >= 0 AND "core"."order_line"."points_amount" >= 0
        AND "core"."order_line"."points" >= 0);--> statement-breakpoint
ALTER TABLE "core"."pay_order" ADD CONSTRAINT "pay_order_points" CHECK ("core"."pay_order"."points" >= 0 AND "core"."pay_order"."points_amount" BETWEEN 0 AND "core"."pay_order"."discount");