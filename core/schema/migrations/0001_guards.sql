-- What drizzle cannot say: rows that are written once and never changed, whoever asks.
CREATE FUNCTION core.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'insufficient_privilege', HINT = 'Mistakes are repaired by a compensating row.';
END $$;
--> statement-breakpoint
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core.posting FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
--> statement-breakpoint
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core.entry FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
--> statement-breakpoint
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core.event FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
--> statement-breakpoint
CREATE TRIGGER revision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.revision FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change();
--> statement-breakpoint
INSERT INTO core.category (id, parent_id, name, goods_kind) VALUES
  (1000000, NULL, '全部 All', 'physical'),
  (1001000, 1000000, '日用百货 General goods', 'physical'),
  (1001001, 1001000, '百货 Merchandise', 'physical'),
  (1003000, 1000000, '服装 Clothing', 'physical'),
  (1003001, 1003000, '男士T恤 Men''s T-shirts', 'physical'),
  (1005000, 1000000, '虚拟商品 Virtual goods', 'virtual'),
  (1005002, 1005000, '流量充值 Mobile data', 'virtual'),
  (1005003, 1005000, '费用与服务 Charges and services', 'virtual');
