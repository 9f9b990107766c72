CREATE TABLE "core"."cart" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" bigint,
	"version" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone,
	"merged_into" bigint,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "cart_of_one_kind" CHECK (("core"."cart"."user_id" IS NULL) = ("core"."cart"."expires_at" IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "core"."cart_item" (
	"cart_id" text NOT NULL,
	"sku_id" bigint NOT NULL,
	"quantity" bigint NOT NULL,
	"added_price" bigint NOT NULL,
	"added_currency" text NOT NULL,
	"added_at" timestamp with time zone NOT NULL,
	"add_keys" text[] DEFAULT '{}'::text[] NOT NULL,
	CONSTRAINT "cart_item_cart_id_sku_id_pk" PRIMARY KEY("cart_id","sku_id"),
	CONSTRAINT "cart_item_some" CHECK ("core"."cart_item"."quantity" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."ticket" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "core"."ticket_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"idempotency_key" text NOT NULL,
	"body_digest" text NOT NULL,
	"actor" text NOT NULL,
	"wish" jsonb NOT NULL,
	"pay_order_id" text,
	"refusal" jsonb,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone,
	"lease_until" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"person_reason" text,
	"state_since" timestamp with time zone NOT NULL,
	CONSTRAINT "ticket_state_known" CHECK ("core"."ticket"."state" IN ('QUEUED','PLACED','REFUSED','CANCELLED')),
	CONSTRAINT "ticket_placed_with_order" CHECK (("core"."ticket"."state" = 'PLACED') = ("core"."ticket"."pay_order_id" IS NOT NULL)),
	CONSTRAINT "ticket_refused_with_reason" CHECK (("core"."ticket"."state" = 'REFUSED') = ("core"."ticket"."refusal" IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "core"."users" (
	"id" bigint PRIMARY KEY NOT NULL,
	"level" integer DEFAULT 0 NOT NULL,
	"blocked_at" timestamp with time zone,
	"blocked_reason" text,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "users_level" CHECK ("core"."users"."level" >= 0),
	CONSTRAINT "users_blocked_with_reason" CHECK (("core"."users"."blocked_at" IS NULL) = ("core"."users"."blocked_reason" IS NULL))
);
--> statement-breakpoint
ALTER TABLE "core"."orders" ADD COLUMN "shop_id" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."orders" ADD COLUMN "warehouse_id" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."cart_item" ADD CONSTRAINT "cart_item_cart_id_cart_id_fk" FOREIGN KEY ("cart_id") REFERENCES "core"."cart"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "cart_of_user" ON "core"."cart" USING btree ("user_id") WHERE user_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "cart_expires" ON "core"."cart" USING btree ("expires_at","id") WHERE expires_at IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "ticket_idempotency" ON "core"."ticket" USING btree ("user_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "ticket_queue" ON "core"."ticket" USING btree ("seq") WHERE state = 'QUEUED';--> statement-breakpoint
CREATE INDEX "ticket_live_state" ON "core"."ticket" USING btree ("state","state_since") WHERE state IN ('QUEUED');--> statement-breakpoint
CREATE INDEX "ticket_due" ON "core"."ticket" USING btree ("due_at","id") WHERE due_at IS NOT NULL;