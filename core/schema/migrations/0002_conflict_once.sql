DROP INDEX "core"."callback_conflict_event";--> statement-breakpoint
ALTER TABLE "core"."callback_conflict" ADD COLUMN "digest" text GENERATED ALWAYS AS (md5(body::text)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."callback_conflict" ADD COLUMN "times" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "core"."callback_conflict" ADD COLUMN "last_seen_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
UPDATE "core"."callback_conflict" c SET times = d.times, last_seen_at = d.last_seen_at
  FROM (SELECT min(id) AS id, count(*)::integer AS times, max(received_at) AS last_seen_at
    FROM "core"."callback_conflict" GROUP BY source, event_id, digest) d WHERE c.id = d.id;--> statement-breakpoint
DELETE FROM "core"."callback_conflict" c USING "core"."callback_conflict" earlier
  WHERE earlier.source = c.source AND earlier.event_id = c.event_id AND earlier.digest = c.digest AND earlier.id < c.id;--> statement-breakpoint
CREATE UNIQUE INDEX "callback_conflict_once" ON "core"."callback_conflict" USING btree ("source","event_id","digest");