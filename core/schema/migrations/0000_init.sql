CREATE SCHEMA "core";
--> statement-breakpoint
CREATE SCHEMA "control";
--> statement-breakpoint
CREATE SCHEMA "reconcile";
--> statement-breakpoint
CREATE TABLE "core"."token" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"hash" text NOT NULL,
	"issued_by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	"revoked_by" text,
	CONSTRAINT "token_role_known" CHECK ("core"."token"."role" IN ('viewer','operator','approver','admin','instance','shop','merchant')),
	CONSTRAINT "token_hash_is_sha256" CHECK ("core"."token"."hash" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "token_expires_after_creation" CHECK ("core"."token"."expires_at" > "core"."token"."created_at"),
	CONSTRAINT "token_revocation_names_someone" CHECK (("core"."token"."revoked_at" IS NULL) = ("core"."token"."revoked_by" IS NULL))
);
--> statement-breakpoint
CREATE TABLE "core"."consumer" (
	"name" text PRIMARY KEY NOT NULL,
	"xid" "xid8" NOT NULL,
	"event_id" bigint NOT NULL,
	"holder" text,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"last_error" text
);
--> statement-breakpoint
CREATE TABLE "core"."event" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"machine" text NOT NULL,
	"entity_id" text NOT NULL,
	"scope" text,
	"from_state" text,
	"to_state" text NOT NULL,
	"actor" text NOT NULL,
	"reason" text NOT NULL,
	"evidence" jsonb,
	"trace_id" text,
	"at" timestamp with time zone NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."holding" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"lease_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."machine_number" (
	"number" integer PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	"high_second" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."parked_event" (
	"consumer" text NOT NULL,
	"event_id" bigint NOT NULL,
	"reason" text NOT NULL,
	"parked_at" timestamp with time zone NOT NULL,
	CONSTRAINT "parked_event_consumer_event_id_pk" PRIMARY KEY("consumer","event_id")
);
--> statement-breakpoint
CREATE TABLE "core"."category" (
	"id" bigint PRIMARY KEY NOT NULL,
	"parent_id" bigint,
	"name" text NOT NULL,
	"goods_kind" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."coupon" (
	"code" text PRIMARY KEY NOT NULL,
	"user_id" bigint,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"threshold" bigint DEFAULT 0 NOT NULL,
	"state" text NOT NULL,
	"pay_order_id" text,
	"valid_until" timestamp with time zone NOT NULL,
	"grant_key" text NOT NULL,
	"grant_digest" text NOT NULL,
	CONSTRAINT "coupon_grant_key_unique" UNIQUE("grant_key"),
	CONSTRAINT "coupon_state_known" CHECK ("core"."coupon"."state" IN ('available','locked','used')),
	CONSTRAINT "coupon_worth_something" CHECK ("core"."coupon"."amount" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."operation_log" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."operation_log_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"actor" text NOT NULL,
	"entity_type" text NOT NULL,
	"entity_id" text NOT NULL,
	"operation" text NOT NULL,
	"before" jsonb,
	"after" jsonb,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."reservation" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."reservation_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"order_id" text NOT NULL,
	"sku_id" bigint NOT NULL,
	"warehouse_id" integer NOT NULL,
	"quantity" bigint NOT NULL,
	"state" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	CONSTRAINT "reservation_state_known" CHECK ("core"."reservation"."state" IN ('held','taken','released')),
	CONSTRAINT "reservation_some" CHECK ("core"."reservation"."quantity" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."sku" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."sku_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 100001 CACHE 1),
	"spu_id" bigint NOT NULL,
	"name" text NOT NULL,
	"attributes" jsonb NOT NULL,
	"currency" text NOT NULL,
	"price" bigint NOT NULL,
	"free" boolean DEFAULT false NOT NULL,
	"stock_mode" text NOT NULL,
	"snapshot_id" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "sku_price_meant" CHECK ("core"."sku"."price" > 0 OR ("core"."sku"."price" = 0 AND "core"."sku"."free")),
	CONSTRAINT "sku_stock_mode_known" CHECK ("core"."sku"."stock_mode" IN ('finite','infinite'))
);
--> statement-breakpoint
CREATE TABLE "core"."snapshot" (
	"id" text PRIMARY KEY NOT NULL,
	"content" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."spu" (
	"id" bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (sequence name "core"."spu_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 10001 CACHE 1),
	"category_id" bigint NOT NULL,
	"brand_id" bigint,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"attributes" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"import_key" text,
	"import_digest" text,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "spu_import_key_unique" UNIQUE("import_key"),
	CONSTRAINT "spu_state_known" CHECK ("core"."spu"."state" IN ('DRAFT','PENDING_AUDIT','AUDIT_REJECTED','AUDIT_APPROVED','ON_SHELF','OFF_SHELF','SOLD_OUT','FROZEN','DELETED'))
);
--> statement-breakpoint
CREATE TABLE "core"."stock" (
	"sku_id" bigint NOT NULL,
	"warehouse_id" integer NOT NULL,
	"on_hand" bigint NOT NULL,
	"reserved" bigint DEFAULT 0 NOT NULL,
	"sold" bigint DEFAULT 0 NOT NULL,
	"initial" bigint NOT NULL,
	"inbound" bigint DEFAULT 0 NOT NULL,
	"adjusted" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "stock_sku_id_warehouse_id_pk" PRIMARY KEY("sku_id","warehouse_id"),
	CONSTRAINT "stock_not_negative" CHECK ("core"."stock"."on_hand" >= 0 AND "core"."stock"."reserved" >= 0 AND "core"."stock"."sold" >= 0),
	CONSTRAINT "stock_conserved" CHECK ("core"."stock"."on_hand" + "core"."stock"."reserved" + "core"."stock"."sold" = "core"."stock"."initial" + "core"."stock"."inbound" + "core"."stock"."adjusted")
);
--> statement-breakpoint
CREATE TABLE "core"."stock_movement" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."stock_movement_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"sku_id" bigint NOT NULL,
	"warehouse_id" integer NOT NULL,
	"kind" text NOT NULL,
	"quantity" bigint NOT NULL,
	"reason" text NOT NULL,
	"actor" text NOT NULL,
	"idempotency_key" text,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "stock_movement_kind_known" CHECK ("core"."stock_movement"."kind" IN ('initial','inbound','adjust'))
);
--> statement-breakpoint
CREATE TABLE "control"."acknowledgement" (
	"revision" bigint NOT NULL,
	"instance" text NOT NULL,
	"hash" text NOT NULL,
	"applied_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"delay_ms" integer NOT NULL,
	CONSTRAINT "acknowledgement_revision_instance_pk" PRIMARY KEY("revision","instance")
);
--> statement-breakpoint
CREATE TABLE "control"."audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "control"."audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"actor" text NOT NULL,
	"role" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"before" jsonb,
	"after" jsonb,
	"reason" text NOT NULL,
	"revision" bigint,
	"trace_id" text,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "control"."instance" (
	"name" text PRIMARY KEY NOT NULL,
	"process" text NOT NULL,
	"status" text NOT NULL,
	"applied_epoch" text,
	"applied_revision" bigint,
	"applied_hash" text,
	"applied_at" timestamp with time zone,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"details" jsonb NOT NULL,
	CONSTRAINT "instance_status_known" CHECK ("control"."instance"."status" IN ('active','signed_off','retired'))
);
--> statement-breakpoint
CREATE TABLE "control"."revision" (
	"number" bigint PRIMARY KEY NOT NULL,
	"author" text NOT NULL,
	"reason" text NOT NULL,
	"diff" jsonb NOT NULL,
	"ruleset" jsonb NOT NULL,
	"hash" text NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "control"."rule" (
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"version" integer NOT NULL,
	"body" jsonb NOT NULL,
	"revision" bigint NOT NULL,
	"reason" text NOT NULL,
	"updated_by" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "rule_kind_key_pk" PRIMARY KEY("kind","key")
);
--> statement-breakpoint
CREATE TABLE "control"."tally" (
	"day" date NOT NULL,
	"subject" text NOT NULL,
	"key" text NOT NULL,
	"value" bigint NOT NULL,
	CONSTRAINT "tally_day_subject_key_pk" PRIMARY KEY("day","subject","key")
);
--> statement-breakpoint
CREATE TABLE "control"."write_key" (
	"actor" text NOT NULL,
	"key" text NOT NULL,
	"digest" text NOT NULL,
	"answer" jsonb NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "write_key_actor_key_pk" PRIMARY KEY("actor","key")
);
--> statement-breakpoint
CREATE TABLE "core"."account" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"currency" text NOT NULL,
	"floor" bigint,
	"balance" bigint,
	"sequence" bigint,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "account_limited_or_not" CHECK (("core"."account"."floor" IS NULL) = ("core"."account"."balance" IS NULL) AND ("core"."account"."floor" IS NULL) = ("core"."account"."sequence" IS NULL)),
	CONSTRAINT "account_floor" CHECK ("core"."account"."balance" >= "core"."account"."floor")
);
--> statement-breakpoint
CREATE TABLE "core"."checkpoint" (
	"account_id" text NOT NULL,
	"xid" "xid8" NOT NULL,
	"entry_id" bigint NOT NULL,
	"balance" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "checkpoint_account_id_xid_entry_id_pk" PRIMARY KEY("account_id","xid","entry_id")
);
--> statement-breakpoint
CREATE TABLE "core"."entry" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."entry_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"posting_id" bigint NOT NULL,
	"account_id" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"order_id" text,
	"account_sequence" bigint,
	"balance_after" bigint,
	"at" timestamp with time zone NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	CONSTRAINT "entry_moves_something" CHECK ("core"."entry"."amount" <> 0)
);
--> statement-breakpoint
CREATE TABLE "core"."posting" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."posting_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"reference" text NOT NULL,
	"pay_order_id" text,
	"reason" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."order_line" (
	"order_id" text NOT NULL,
	"line_no" integer NOT NULL,
	"sku_id" bigint NOT NULL,
	"snapshot_id" text NOT NULL,
	"name" text NOT NULL,
	"quantity" bigint NOT NULL,
	"unit_price" bigint NOT NULL,
	"discount" bigint NOT NULL,
	"payable" bigint NOT NULL,
	CONSTRAINT "order_line_order_id_line_no_pk" PRIMARY KEY("order_id","line_no"),
	CONSTRAINT "order_line_adds_up" CHECK ("core"."order_line"."payable" = "core"."order_line"."unit_price" * "core"."order_line"."quantity" - "core"."order_line"."discount" AND "core"."order_line"."payable" >= 0),
	CONSTRAINT "order_line_some" CHECK ("core"."order_line"."quantity" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."orders" (
	"id" text PRIMARY KEY NOT NULL,
	"pay_order_id" text NOT NULL,
	"user_id" bigint NOT NULL,
	"guest" boolean NOT NULL,
	"type" text NOT NULL,
	"currency" text NOT NULL,
	"goods_amount" bigint NOT NULL,
	"freight_amount" bigint NOT NULL,
	"discount_amount" bigint NOT NULL,
	"payable" bigint NOT NULL,
	"address" jsonb,
	"details" jsonb NOT NULL,
	"cancel_intent" text,
	"cancel_reason" text,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "orders_state_known" CHECK ("core"."orders"."state" IN ('O0','O1','O2','O3','O4','O5')),
	CONSTRAINT "orders_payable_adds_up" CHECK ("core"."orders"."payable" = "core"."orders"."goods_amount" + "core"."orders"."freight_amount" - "core"."orders"."discount_amount" AND "core"."orders"."payable" >= 0),
	CONSTRAINT "orders_cancel_intent_known" CHECK ("core"."orders"."cancel_intent" IN ('user','timeout'))
);
--> statement-breakpoint
CREATE TABLE "core"."pay_order" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"currency" text NOT NULL,
	"stage" text NOT NULL,
	"payable" bigint NOT NULL,
	"discount" bigint NOT NULL,
	"coupon_code" text,
	"idempotency_key" text NOT NULL,
	"body_digest" text NOT NULL,
	"notices" jsonb NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"paid_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "pay_order_payable" CHECK ("core"."pay_order"."payable" >= 0 AND "core"."pay_order"."discount" >= 0)
);
--> statement-breakpoint
CREATE TABLE "core"."shipment" (
	"id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"pay_order_id" text NOT NULL,
	"carrier" text,
	"tracking_no" text,
	"codes" jsonb,
	"cancel_intent" text,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "shipment_state_known" CHECK ("core"."shipment"."state" IN ('F0','F1','F2','F3','F4','F5'))
);
--> statement-breakpoint
CREATE TABLE "core"."callback" (
	"id" text PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"event_id" text NOT NULL,
	"kind" text NOT NULL,
	"digest" text NOT NULL,
	"body" jsonb NOT NULL,
	"reason" text,
	"received_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "callback_state_known" CHECK ("core"."callback"."state" IN ('STORED','APPLIED','REJECTED'))
);
--> statement-breakpoint
CREATE TABLE "core"."callback_conflict" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."callback_conflict_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"source" text NOT NULL,
	"event_id" text NOT NULL,
	"reason" text NOT NULL,
	"body" jsonb NOT NULL,
	"received_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."capture" (
	"id" text PRIMARY KEY NOT NULL,
	"pay_order_id" text NOT NULL,
	"payment_id" text NOT NULL,
	"channel" text NOT NULL,
	"channel_transaction" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "capture_kind_known" CHECK ("core"."capture"."kind" IN ('effective','late')),
	CONSTRAINT "capture_state_known" CHECK ("core"."capture"."state" IN ('APPLIED','LATE','HANDLED')),
	CONSTRAINT "capture_amount" CHECK ("core"."capture"."amount" >= 0)
);
--> statement-breakpoint
CREATE TABLE "core"."deduction" (
	"id" text PRIMARY KEY NOT NULL,
	"payment_id" text NOT NULL,
	"pay_order_id" text NOT NULL,
	"user_id" bigint NOT NULL,
	"kind" text NOT NULL,
	"resource" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "deduction_state_known" CHECK ("core"."deduction"."state" IN ('ASKED','DEDUCTED','REFUSED','ROLLBACK_PENDING','ROLLED_BACK'))
);
--> statement-breakpoint
CREATE TABLE "core"."payment" (
	"id" text PRIMARY KEY NOT NULL,
	"pay_order_id" text NOT NULL,
	"user_id" bigint NOT NULL,
	"attempt_no" integer NOT NULL,
	"channel" text NOT NULL,
	"currency" text NOT NULL,
	"amount" bigint NOT NULL,
	"pay_url" text,
	"channel_trade_id" text,
	"cancel_intent" text,
	"failure_reason" text,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "payment_state_known" CHECK ("core"."payment"."state" IN ('P0','P1','P2','P3','P4','P5','P6','P7','P8','P9','P10','P11')),
	CONSTRAINT "payment_amount" CHECK ("core"."payment"."amount" >= 0)
);
--> statement-breakpoint
CREATE TABLE "core"."refund" (
	"id" text PRIMARY KEY NOT NULL,
	"pay_order_id" text NOT NULL,
	"order_id" text,
	"capture_id" text NOT NULL,
	"channel" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"subsidy" bigint NOT NULL,
	"cause" text NOT NULL,
	"channel_refund_id" text,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "refund_state_known" CHECK ("core"."refund"."state" IN ('R0','R1','R2','R3','R4','R5','R6','R7','R8','R9','R10','R11','R12','R13','R14','R15')),
	CONSTRAINT "refund_amount" CHECK ("core"."refund"."amount" >= 0 AND "core"."refund"."subsidy" >= 0)
);
--> statement-breakpoint
CREATE TABLE "reconcile"."check_verdict" (
	"check_id" text PRIMARY KEY NOT NULL,
	"verdict" text NOT NULL,
	"reason" text,
	"count" bigint NOT NULL,
	"amounts" jsonb NOT NULL,
	"first" jsonb,
	"worst" jsonb,
	"coverage" jsonb NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconcile"."dirty" (
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"check_id" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"generation" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "dirty_check_id_kind_key_pk" PRIMARY KEY("check_id","kind","key")
);
--> statement-breakpoint
CREATE TABLE "reconcile"."finding" (
	"id" text PRIMARY KEY NOT NULL,
	"check_id" text NOT NULL,
	"row_key" text NOT NULL,
	"tier" text NOT NULL,
	"status" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"detail" text NOT NULL,
	"row" jsonb NOT NULL,
	"first_bad_at" timestamp with time zone NOT NULL,
	"found_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone,
	"closed_reason" text
);
--> statement-breakpoint
CREATE TABLE "reconcile"."repair_run" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconcile"."repair_run_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"repair_id" text NOT NULL,
	"replica" text NOT NULL,
	"scanned" integer NOT NULL,
	"advanced" integer NOT NULL,
	"waiting" integer NOT NULL,
	"to_person" integer NOT NULL,
	"oldest_age_seconds" integer NOT NULL,
	"duration_ms" integer NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconcile"."watermark" (
	"name" text PRIMARY KEY NOT NULL,
	"xid" "xid8" NOT NULL,
	"row_id" bigint NOT NULL,
	"system_identifier" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "core"."sku" ADD CONSTRAINT "sku_spu_id_spu_id_fk" FOREIGN KEY ("spu_id") REFERENCES "core"."spu"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."sku" ADD CONSTRAINT "sku_snapshot_id_snapshot_id_fk" FOREIGN KEY ("snapshot_id") REFERENCES "core"."snapshot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."spu" ADD CONSTRAINT "spu_category_id_category_id_fk" FOREIGN KEY ("category_id") REFERENCES "core"."category"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."stock" ADD CONSTRAINT "stock_sku_id_sku_id_fk" FOREIGN KEY ("sku_id") REFERENCES "core"."sku"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."checkpoint" ADD CONSTRAINT "checkpoint_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "core"."account"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."entry" ADD CONSTRAINT "entry_posting_id_posting_id_fk" FOREIGN KEY ("posting_id") REFERENCES "core"."posting"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."entry" ADD CONSTRAINT "entry_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "core"."account"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_order_id_orders_id_fk" FOREIGN KEY ("order_id") REFERENCES "core"."orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."orders" ADD CONSTRAINT "orders_pay_order_id_pay_order_id_fk" FOREIGN KEY ("pay_order_id") REFERENCES "core"."pay_order"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD CONSTRAINT "shipment_order_id_orders_id_fk" FOREIGN KEY ("order_id") REFERENCES "core"."orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."capture" ADD CONSTRAINT "capture_payment_id_payment_id_fk" FOREIGN KEY ("payment_id") REFERENCES "core"."payment"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."deduction" ADD CONSTRAINT "deduction_payment_id_payment_id_fk" FOREIGN KEY ("payment_id") REFERENCES "core"."payment"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."payment" ADD CONSTRAINT "payment_pay_order_id_pay_order_id_fk" FOREIGN KEY ("pay_order_id") REFERENCES "core"."pay_order"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD CONSTRAINT "refund_capture_id_capture_id_fk" FOREIGN KEY ("capture_id") REFERENCES "core"."capture"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "token_name_idx" ON "core"."token" USING btree ("name");--> statement-breakpoint
CREATE INDEX "event_commit_order" ON "core"."event" USING btree ("xid","id");--> statement-breakpoint
CREATE INDEX "event_scope" ON "core"."event" USING btree ("scope");--> statement-breakpoint
CREATE INDEX "coupon_pay_order" ON "core"."coupon" USING btree ("pay_order_id") WHERE pay_order_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "operation_log_entity" ON "core"."operation_log" USING btree ("entity_type","entity_id","id");--> statement-breakpoint
CREATE INDEX "reservation_order" ON "core"."reservation" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "reservation_due" ON "core"."reservation" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "reservation_sku" ON "core"."reservation" USING btree ("sku_id","warehouse_id","state","quantity");--> statement-breakpoint
CREATE INDEX "sku_spu" ON "core"."sku" USING btree ("spu_id");--> statement-breakpoint
CREATE INDEX "spu_state" ON "core"."spu" USING btree ("state","id");--> statement-breakpoint
CREATE UNIQUE INDEX "stock_movement_once" ON "core"."stock_movement" USING btree ("sku_id","idempotency_key") WHERE idempotency_key IS NOT NULL;--> statement-breakpoint
CREATE INDEX "audit_subject" ON "control"."audit" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "write_key_age" ON "control"."write_key" USING btree ("at");--> statement-breakpoint
CREATE INDEX "entry_posting" ON "core"."entry" USING btree ("posting_id");--> statement-breakpoint
CREATE INDEX "entry_account" ON "core"."entry" USING btree ("account_id","xid","id");--> statement-breakpoint
CREATE INDEX "entry_commit_order" ON "core"."entry" USING btree ("xid","id");--> statement-breakpoint
CREATE UNIQUE INDEX "entry_account_sequence" ON "core"."entry" USING btree ("account_id","account_sequence") WHERE account_sequence IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "posting_once" ON "core"."posting" USING btree ("kind","reference");--> statement-breakpoint
CREATE INDEX "posting_pay_order" ON "core"."posting" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "orders_pay_order" ON "core"."orders" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "orders_user" ON "core"."orders" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "orders_due" ON "core"."orders" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "orders_live_state" ON "core"."orders" USING btree ("state","state_since") WHERE state IN ('O0','O1');--> statement-breakpoint
CREATE UNIQUE INDEX "pay_order_idempotency" ON "core"."pay_order" USING btree ("user_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "shipment_order" ON "core"."shipment" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "shipment_due" ON "core"."shipment" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "shipment_live_state" ON "core"."shipment" USING btree ("state","state_since") WHERE state IN ('F0','F1','F2');--> statement-breakpoint
CREATE UNIQUE INDEX "callback_once" ON "core"."callback" USING btree ("source","event_id");--> statement-breakpoint
CREATE INDEX "callback_due" ON "core"."callback" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "callback_person" ON "core"."callback" USING btree ("state") WHERE person_reason IS NOT NULL;--> statement-breakpoint
CREATE INDEX "callback_conflict_event" ON "core"."callback_conflict" USING btree ("source","event_id");--> statement-breakpoint
CREATE UNIQUE INDEX "capture_transaction" ON "core"."capture" USING btree ("channel","channel_transaction");--> statement-breakpoint
CREATE UNIQUE INDEX "capture_single" ON "core"."capture" USING btree ("pay_order_id") WHERE kind = 'effective';--> statement-breakpoint
CREATE INDEX "capture_pay_order" ON "core"."capture" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "capture_due" ON "core"."capture" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "capture_person" ON "core"."capture" USING btree ("state") WHERE person_reason IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "deduction_once" ON "core"."deduction" USING btree ("payment_id","kind","resource");--> statement-breakpoint
CREATE INDEX "deduction_pay_order" ON "core"."deduction" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "deduction_due" ON "core"."deduction" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "deduction_person" ON "core"."deduction" USING btree ("state") WHERE person_reason IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "payment_attempt" ON "core"."payment" USING btree ("pay_order_id","attempt_no");--> statement-breakpoint
CREATE UNIQUE INDEX "payment_one_live" ON "core"."payment" USING btree ("pay_order_id") WHERE state IN ('P0','P1','P2','P4','P5','P7');--> statement-breakpoint
CREATE INDEX "payment_due" ON "core"."payment" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "payment_live_state" ON "core"."payment" USING btree ("state","state_since") WHERE state IN ('P0','P1','P2','P4','P5','P7');--> statement-breakpoint
CREATE UNIQUE INDEX "refund_late_once" ON "core"."refund" USING btree ("capture_id") WHERE cause = 'late_capture';--> statement-breakpoint
CREATE INDEX "refund_pay_order" ON "core"."refund" USING btree ("pay_order_id");--> statement-breakpoint
CREATE INDEX "refund_due" ON "core"."refund" USING btree ("due_at","id") WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "refund_live_state" ON "core"."refund" USING btree ("state","state_since") WHERE state IN ('R0','R1','R2','R4','R5','R6','R8','R9','R11','R12','R13','R14','R15');--> statement-breakpoint
CREATE UNIQUE INDEX "refund_order_once" ON "core"."refund" USING btree ("order_id") WHERE cause IN ('cancelled','no_stock','fulfilment_failed');--> statement-breakpoint
CREATE INDEX "dirty_since" ON "reconcile"."dirty" USING btree ("check_id","since");--> statement-breakpoint
CREATE INDEX "finding_status" ON "reconcile"."finding" USING btree ("status","found_at");--> statement-breakpoint
CREATE INDEX "finding_row" ON "reconcile"."finding" USING btree ("check_id","row_key");--> statement-breakpoint
CREATE UNIQUE INDEX "finding_live" ON "reconcile"."finding" USING btree ("check_id","row_key") WHERE closed_at IS NULL;--> statement-breakpoint
CREATE INDEX "repair_run_recent" ON "reconcile"."repair_run" USING btree ("repair_id","id");