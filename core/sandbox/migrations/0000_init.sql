CREATE SCHEMA sandbox;
--> statement-breakpoint
CREATE TABLE sandbox.trade (
  channel text NOT NULL,
  trade_no text NOT NULL,
  state text NOT NULL CHECK (state IN ('open','paid','failed','cancelled','closed','refused')),
  merchant_id text,
  amount bigint,
  currency text,
  notify_url text,
  channel_trade_id text NOT NULL,
  transaction_id text UNIQUE,
  reason text,
  -- A tombstone: closed before it ever arrived. What comes late is refused.
  tombstone boolean NOT NULL DEFAULT false,
  requests integer NOT NULL DEFAULT 0,
  -- How often money was taken: the proof that nothing happened twice.
  effects integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at timestamptz,
  PRIMARY KEY (channel, trade_no)
);
--> statement-breakpoint
CREATE INDEX trade_by_no ON sandbox.trade (trade_no);
--> statement-breakpoint
CREATE INDEX trade_settled ON sandbox.trade (channel, settled_at) WHERE settled_at IS NOT NULL;
--> statement-breakpoint
CREATE TABLE sandbox.refund (
  channel text NOT NULL,
  refund_no text NOT NULL,
  trade_no text NOT NULL,
  state text NOT NULL CHECK (state IN ('done','failed')),
  amount bigint NOT NULL CHECK (amount > 0),
  currency text NOT NULL,
  channel_refund_id text NOT NULL UNIQUE,
  reason text,
  requests integer NOT NULL DEFAULT 1,
  effects integer NOT NULL DEFAULT 0,
  settled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (channel, refund_no)
);
--> statement-breakpoint
CREATE INDEX refund_by_trade ON sandbox.refund (channel, trade_no);
--> statement-breakpoint
CREATE TABLE sandbox.deduction (
  attempt_id text NOT NULL,
  kind text NOT NULL,
  resource text NOT NULL,
  state text NOT NULL CHECK (state IN ('deducted','refused','rolled_back')),
  user_id text,
  amount bigint,
  currency text,
  reason text,
  tombstone boolean NOT NULL DEFAULT false,
  requests integer NOT NULL DEFAULT 0,
  effects integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (attempt_id, kind, resource)
);
--> statement-breakpoint
CREATE UNIQUE INDEX deduction_one_live ON sandbox.deduction (kind, resource) WHERE state = 'deducted';
--> statement-breakpoint
CREATE TABLE sandbox.shipment (
  shipment_id text PRIMARY KEY,
  order_id text,
  goods_kind text,
  state text NOT NULL CHECK (state IN ('accepted','processing','failed','delivered','cancelled')),
  carrier text,
  tracking_no text,
  codes jsonb,
  reason text,
  notify_url text,
  tombstone boolean NOT NULL DEFAULT false,
  requests integer NOT NULL DEFAULT 0,
  effects integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
--> statement-breakpoint
-- Work that must survive a crash: callbacks to send, shipments to move on, shoppers that pay by themselves, requests that
-- a fault holds back.
CREATE TABLE sandbox.job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  due_at timestamptz NOT NULL,
  lease_until timestamptz,
  tries integer NOT NULL DEFAULT 0,
  -- Set when it was given up, with the other side's answer: kept to be looked at.
  given_up text
);
--> statement-breakpoint
CREATE INDEX job_due ON sandbox.job (due_at, id) WHERE given_up IS NULL;
--> statement-breakpoint
CREATE TABLE sandbox.setting (key text PRIMARY KEY, value jsonb NOT NULL);
