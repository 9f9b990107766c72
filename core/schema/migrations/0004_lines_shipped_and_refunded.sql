CREATE TABLE "core"."shipment_line" (
	"shipment_id" text NOT NULL,
	"order_id" text NOT NULL,
	"line_no" integer NOT NULL,
	"quantity" bigint NOT NULL,
	CONSTRAINT "shipment_line_shipment_id_line_no_pk" PRIMARY KEY("shipment_id","line_no"),
	CONSTRAINT "shipment_line_some" CHECK ("core"."shipment_line"."quantity" > 0)
);
--> statement-breakpoint
CREATE TABLE "core"."refund_line" (
	"refund_id" text NOT NULL,
	"order_id" text NOT NULL,
	"line_no" integer NOT NULL,
	"quantity" bigint NOT NULL,
	"cash" bigint NOT NULL,
	"subsidy" bigint NOT NULL,
	"dropped" bigint DEFAULT 0 NOT NULL,
	"returning" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "refund_line_refund_id_line_no_pk" PRIMARY KEY("refund_id","line_no"),
	CONSTRAINT "refund_line_money" CHECK ("core"."refund_line"."quantity" > 0 AND "core"."refund_line"."cash" >= 0 AND "core"."refund_line"."subsidy" >= 0),
	CONSTRAINT "refund_line_pieces" CHECK ("core"."refund_line"."dropped" >= 0 AND "core"."refund_line"."returning" >= 0 AND "core"."refund_line"."dropped" + "core"."refund_line"."returning" <= "core"."refund_line"."quantity")
);
--> statement-breakpoint
DROP INDEX "core"."refund_live_state";--> statement-breakpoint
DROP INDEX "core"."refund_order_once";--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "shipped" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "returned" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "dropped" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "claimed" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "claimed_cash" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "claimed_subsidy" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD COLUMN "refunded" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD COLUMN "cancel_refused" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD COLUMN "after_shipment" text;--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD COLUMN "refund_id" text;--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD COLUMN "edited_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "user_id" bigint;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "entrance" text DEFAULT 'system' NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "kind" text DEFAULT 'refund' NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "reason" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "requested_by" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "decided_by" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "idempotency_key" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "body_digest" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "shipment_id" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "freight" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "penalty" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "withheld" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "return_leg" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "return_carrier" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "return_tracking_no" text;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "returned_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "cash_leg" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "marketing_done" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund" ADD COLUMN "owed" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."refund_line" ADD CONSTRAINT "refund_line_refund_id_refund_id_fk" FOREIGN KEY ("refund_id") REFERENCES "core"."refund"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "refund_line_order" ON "core"."refund_line" USING btree ("order_id","line_no");--> statement-breakpoint
CREATE INDEX "shipment_after" ON "core"."shipment" USING btree ("after_shipment") WHERE after_shipment IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "shipment_exchange_once" ON "core"."shipment" USING btree ("refund_id") WHERE refund_id IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "refund_idempotency" ON "core"."refund" USING btree ("user_id","idempotency_key");--> statement-breakpoint
CREATE UNIQUE INDEX "refund_shipment_once" ON "core"."refund" USING btree ("shipment_id") WHERE shipment_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "refund_live_state" ON "core"."refund" USING btree ("state","state_since") WHERE state IN ('R0','R1','R2','R4','R5','R6','R7','R8','R9','R11','R12','R13','R14','R15');--> statement-breakpoint
CREATE UNIQUE INDEX "refund_order_once" ON "core"."refund" USING btree ("order_id") WHERE cause IN ('cancelled','no_stock');--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_delivered" CHECK ("core"."order_line"."shipped" >= 0 AND "core"."order_line"."dropped" >= 0 AND "core"."order_line"."shipped" + "core"."order_line"."dropped" <= "core"."order_line"."quantity");--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_returned" CHECK ("core"."order_line"."returned" BETWEEN 0 AND "core"."order_line"."shipped");--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_claimed" CHECK ("core"."order_line"."claimed" BETWEEN 0 AND "core"."order_line"."quantity");--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_refunded" CHECK ("core"."order_line"."refunded" BETWEEN 0 AND "core"."order_line"."claimed");--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_claimed_money" CHECK ("core"."order_line"."claimed_cash" BETWEEN 0 AND "core"."order_line"."payable" AND "core"."order_line"."claimed_subsidy" BETWEEN 0 AND "core"."order_line"."discount");--> statement-breakpoint
ALTER TABLE "core"."order_line" ADD CONSTRAINT "order_line_claimed_whole" CHECK ("core"."order_line"."claimed" < "core"."order_line"."quantity" OR ("core"."order_line"."claimed_cash" = "core"."order_line"."payable" AND "core"."order_line"."claimed_subsidy" = "core"."order_line"."discount"));--> statement-breakpoint
ALTER TABLE "core"."shipment" ADD CONSTRAINT "shipment_cancel_intent_known" CHECK ("core"."shipment"."cancel_intent" IN ('refund','split'));--> statement-breakpoint
ALTER TABLE "core"."refund" ADD CONSTRAINT "refund_entrance_known" CHECK ("core"."refund"."entrance" IN ('user','merchant','system'));--> statement-breakpoint
ALTER TABLE "core"."refund" ADD CONSTRAINT "refund_kind_known" CHECK ("core"."refund"."kind" IN ('refund','return','exchange'));--> statement-breakpoint
ALTER TABLE "core"."refund" ADD CONSTRAINT "refund_parts" CHECK ("core"."refund"."freight" >= 0 AND "core"."refund"."penalty" >= 0 AND "core"."refund"."withheld" >= 0);--> statement-breakpoint
-- What happened before there were lines: a shipment held its whole order, and so did a refund of an order.
INSERT INTO "core"."shipment_line" (shipment_id, order_id, line_no, quantity)
  SELECT s.id, l.order_id, l.line_no, l.quantity FROM "core"."shipment" s JOIN "core"."order_line" l ON l.order_id = s.order_id;--> statement-breakpoint
UPDATE "core"."refund" SET owed = state <> 'R3', marketing_done = state IN ('R9','R10','R11','R13');--> statement-breakpoint
INSERT INTO "core"."refund_line" (refund_id, order_id, line_no, quantity, cash, subsidy, dropped)
  SELECT r.id, l.order_id, l.line_no, l.quantity, l.payable, l.discount, l.quantity
  FROM "core"."refund" r JOIN "core"."order_line" l ON l.order_id = r.order_id;--> statement-breakpoint
UPDATE "core"."order_line" l SET shipped = l.quantity
  FROM "core"."shipment" s WHERE s.order_id = l.order_id AND s.state = 'F4';--> statement-breakpoint
UPDATE "core"."order_line" l SET dropped = l.quantity - l.shipped, claimed = l.quantity, claimed_cash = l.payable, claimed_subsidy = l.discount,
    refunded = CASE WHEN r.state = 'R10' THEN l.quantity ELSE 0 END
  FROM "core"."refund" r WHERE r.order_id = l.order_id AND r.state <> 'R3';
