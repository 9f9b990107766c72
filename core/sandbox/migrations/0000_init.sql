CREATE SCHEMA "sandbox";
--> statement-breakpoint
CREATE TABLE "sandbox"."callback" (
	"id" text PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"subject" text NOT NULL,
	"url" text NOT NULL,
	"body" text NOT NULL,
	"forged" boolean DEFAULT false NOT NULL,
	"once" boolean DEFAULT false NOT NULL,
	"drawn" boolean DEFAULT false NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"last_answer" text,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"given_up_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "sandbox"."deduction" (
	"attempt_id" text NOT NULL,
	"kind" text NOT NULL,
	"resource" text NOT NULL,
	"state" text NOT NULL,
	"user_id" text,
	"amount" bigint,
	"currency" text,
	"reason" text,
	"tombstone" boolean DEFAULT false NOT NULL,
	"requests" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "deduction_attempt_id_kind_resource_pk" PRIMARY KEY("attempt_id","kind","resource"),
	CONSTRAINT "deduction_state_known" CHECK ("sandbox"."deduction"."state" IN ('deducted','refused','rolled_back'))
);
--> statement-breakpoint
CREATE TABLE "sandbox"."effect" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sandbox"."effect_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"source" text NOT NULL,
	"key" text NOT NULL,
	"trade_no" text,
	"transaction_id" text,
	"amount" bigint,
	"currency" text,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "effect_kind_known" CHECK ("sandbox"."effect"."kind" IN ('trade.paid','refund.done','coupon.deducted','coupon.rolled_back','shipment.delivered'))
);
--> statement-breakpoint
CREATE TABLE "sandbox"."fault" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sandbox"."fault_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"spec" jsonb NOT NULL,
	"fired" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sandbox"."parked" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sandbox"."parked_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"operation" text NOT NULL,
	"channel" text,
	"key" text NOT NULL,
	"input" jsonb NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sandbox"."refund" (
	"refund_no" text NOT NULL,
	"channel" text NOT NULL,
	"trade_no" text NOT NULL,
	"merchant_id" text NOT NULL,
	"state" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"notify_url" text NOT NULL,
	"channel_refund_id" text NOT NULL,
	"reason" text,
	"requests" integer DEFAULT 1 NOT NULL,
	"auto_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "refund_refund_no_channel_pk" PRIMARY KEY("refund_no","channel"),
	CONSTRAINT "refund_state_known" CHECK ("sandbox"."refund"."state" IN ('processing','done','failed')),
	CONSTRAINT "refund_amount" CHECK ("sandbox"."refund"."amount" > 0)
);
--> statement-breakpoint
CREATE TABLE "sandbox"."setting" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"seed" bigint DEFAULT 1 NOT NULL,
	"revision" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "setting_single" CHECK ("sandbox"."setting"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "sandbox"."shipment" (
	"shipment_id" text PRIMARY KEY NOT NULL,
	"order_id" text,
	"goods_kind" text,
	"address" jsonb,
	"lines" jsonb,
	"units" integer DEFAULT 0 NOT NULL,
	"state" text NOT NULL,
	"carrier" text,
	"tracking_no" text,
	"codes" jsonb,
	"reason" text,
	"notify_url" text,
	"tombstone" boolean DEFAULT false NOT NULL,
	"requests" integer DEFAULT 1 NOT NULL,
	"auto_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "shipment_state_known" CHECK ("sandbox"."shipment"."state" IN ('accepted','processing','failed','delivered','cancelled')),
	CONSTRAINT "shipment_complete" CHECK ("sandbox"."shipment"."tombstone" OR "sandbox"."shipment"."notify_url" IS NOT NULL)
);
--> statement-breakpoint
CREATE TABLE "sandbox"."trade" (
	"trade_no" text NOT NULL,
	"channel" text NOT NULL,
	"state" text NOT NULL,
	"merchant_id" text,
	"amount" bigint,
	"currency" text,
	"description" text,
	"notify_url" text,
	"channel_trade_id" text NOT NULL,
	"transaction_id" text,
	"reason" text,
	"refunded" bigint DEFAULT 0 NOT NULL,
	"tombstone" boolean DEFAULT false NOT NULL,
	"requests" integer DEFAULT 1 NOT NULL,
	"auto_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "trade_trade_no_channel_pk" PRIMARY KEY("trade_no","channel"),
	CONSTRAINT "trade_state_known" CHECK ("sandbox"."trade"."state" IN ('open','paid','failed','cancelled','closed','refused')),
	CONSTRAINT "trade_complete" CHECK ("sandbox"."trade"."tombstone" OR ("sandbox"."trade"."amount" > 0 AND "sandbox"."trade"."notify_url" IS NOT NULL)),
	CONSTRAINT "trade_refunded" CHECK ("sandbox"."trade"."refunded" = 0 OR "sandbox"."trade"."refunded" BETWEEN 0 AND "sandbox"."trade"."amount")
);
--> statement-breakpoint
CREATE INDEX "callback_due" ON "sandbox"."callback" USING btree ("due_at") WHERE given_up_at IS NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "deduction_one_live" ON "sandbox"."deduction" USING btree ("kind","resource") WHERE state = 'deducted';--> statement-breakpoint
CREATE INDEX "effect_day" ON "sandbox"."effect" USING btree ("at","id");--> statement-breakpoint
CREATE INDEX "refund_trade" ON "sandbox"."refund" USING btree ("trade_no");--> statement-breakpoint
CREATE INDEX "refund_auto" ON "sandbox"."refund" USING btree ("auto_at") WHERE auto_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "shipment_auto" ON "sandbox"."shipment" USING btree ("auto_at") WHERE auto_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "trade_auto" ON "sandbox"."trade" USING btree ("auto_at") WHERE auto_at IS NOT NULL;