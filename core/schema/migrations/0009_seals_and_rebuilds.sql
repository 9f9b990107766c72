CREATE TABLE "core"."balance_rebuild" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"stored_balance" bigint NOT NULL,
	"journal_balance" bigint NOT NULL,
	"stored_sequence" bigint NOT NULL,
	"journal_sequence" bigint NOT NULL,
	"reason" text NOT NULL,
	"proposed_by" text NOT NULL,
	"proposer_issuer" text NOT NULL,
	"proposed_at" timestamp with time zone NOT NULL,
	"decision" text,
	"decided_by" text,
	"decided_at" timestamp with time zone,
	CONSTRAINT "balance_rebuild_decision" CHECK ("core"."balance_rebuild"."decision" IN ('applied', 'rejected')),
	CONSTRAINT "balance_rebuild_decided" CHECK (("core"."balance_rebuild"."decision" IS NULL) = ("core"."balance_rebuild"."decided_by" IS NULL) AND ("core"."balance_rebuild"."decision" IS NULL) = ("core"."balance_rebuild"."decided_at" IS NULL)),
	CONSTRAINT "balance_rebuild_four_eyes" CHECK ("core"."balance_rebuild"."decision" <> 'applied' OR "core"."balance_rebuild"."decided_by" <> "core"."balance_rebuild"."proposed_by")
);
--> statement-breakpoint
CREATE TABLE "core"."seal" (
	"block" bigint PRIMARY KEY NOT NULL,
	"after_xid" "xid8" NOT NULL,
	"after_id" bigint NOT NULL,
	"upto_xid" "xid8" NOT NULL,
	"upto_id" bigint NOT NULL,
	"entries" integer NOT NULL,
	"previous" text NOT NULL,
	"hash" text NOT NULL,
	"system_identifier" text NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."seal_round" (
	"name" text PRIMARY KEY NOT NULL,
	"next_block" bigint NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"whole_since" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "core"."seal_suspect" (
	"block" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "core"."parked_event" ADD COLUMN "asked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "core"."balance_rebuild" ADD CONSTRAINT "balance_rebuild_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "core"."account"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "balance_rebuild_open" ON "core"."balance_rebuild" USING btree ("account_id") WHERE decided_at IS NULL;--> statement-breakpoint
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core.seal FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
