-- Panic, words that match the rest, and a revision for each change, so that replicas learn of it by asking for one number.

ALTER TABLE agentshield.tenants RENAME COLUMN suspended_at TO paused_at;
ALTER TABLE agentshield.tenants ADD COLUMN stopped_at timestamptz;

-- The last change of all, and whether everybody's traffic is to stop.
CREATE TABLE agentshield.control_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL,
    stopped_at timestamptz
);

INSERT INTO agentshield.control_state (revision) VALUES (0);

-- The last changes: of a tenant, of a key of it, or (neither) of everything.
CREATE TABLE agentshield.control_changes (
    revision bigint PRIMARY KEY,
    tenant_id text,
    key_id text,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- The state's row is locked until the change commits, so that revisions become visible in their order and none is skipped: a sequence's would not.
CREATE FUNCTION agentshield.note_change() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    -- The columns with the ids of tenant and key; a name that is missing stands for none.
    changed jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    present bigint;
BEGIN
    UPDATE agentshield.control_state SET revision = revision + 1 RETURNING revision INTO present;
    INSERT INTO agentshield.control_changes (revision, tenant_id, key_id)
    VALUES (present, changed ->> TG_ARGV[0], changed ->> TG_ARGV[1]);
    DELETE FROM agentshield.control_changes WHERE revision <= present - 1000;
    RETURN NULL;
END
$$;

CREATE TRIGGER tenants_changed AFTER INSERT OR UPDATE OR DELETE ON agentshield.tenants
    FOR EACH ROW EXECUTE FUNCTION agentshield.note_change('id', '');
CREATE TRIGGER api_keys_changed AFTER INSERT OR UPDATE OR DELETE ON agentshield.api_keys
    FOR EACH ROW EXECUTE FUNCTION agentshield.note_change('tenant_id', 'id');
CREATE TRIGGER api_key_hashes_changed AFTER INSERT OR UPDATE OR DELETE ON agentshield.api_key_hashes
    FOR EACH ROW EXECUTE FUNCTION agentshield.note_change('tenant_id', 'key_id');
CREATE TRIGGER control_state_stopped AFTER UPDATE OF stopped_at ON agentshield.control_state
    FOR EACH ROW EXECUTE FUNCTION agentshield.note_change('', '');
