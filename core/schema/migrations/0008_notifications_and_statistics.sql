CREATE TABLE "core"."notification" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "core"."notification_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"event_id" bigint NOT NULL,
	"what" text NOT NULL,
	"about" text NOT NULL,
	"pay_order_id" text NOT NULL,
	"message" text NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "core"."statistic" (
	"grain" text NOT NULL,
	"bucket" timestamp with time zone NOT NULL,
	"type" text NOT NULL,
	"currency" text NOT NULL,
	"count" bigint NOT NULL,
	"amount" bigint NOT NULL,
	CONSTRAINT "statistic_grain_bucket_type_currency_pk" PRIMARY KEY("grain","bucket","type","currency"),
	CONSTRAINT "statistic_grain" CHECK ("core"."statistic"."grain" IN ('minute', 'day'))
);
--> statement-breakpoint
CREATE TABLE "core"."statistic_mark" (
	"name" text PRIMARY KEY NOT NULL,
	"xid" "xid8" NOT NULL,
	"event_id" bigint NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "notification_once" ON "core"."notification" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "notification_user" ON "core"."notification" USING btree ("user_id","id");