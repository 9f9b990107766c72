import type { Plant } from '../plant.ts';

const plant: Plant = {
  id: 'journal-immutable',
  async plant(owner) {
    await owner.query({ text: 'ALTER TABLE core.entry DISABLE TRIGGER entry_append_only' });
    await owner.query({ text: 'GRANT DELETE ON core.posting TO tidegate_app' });
    await owner.query({ text: 'DROP TRIGGER audit_append_only ON control.audit' });
    await owner.query({
      text: `CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON control.audit
        FOR EACH STATEMENT EXECUTE FUNCTION core.refuse_change()`,
    });
    return { count: 3, amounts: { XXX: 0 } };
  },
};
export default plant;
