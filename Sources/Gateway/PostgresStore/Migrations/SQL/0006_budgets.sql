-- Budgets: what a tenant, a department or a user may spend in a day, a month or in total.

CREATE TABLE agentshield.budgets (
    tenant_id text NOT NULL CONSTRAINT budgets_tenant_id_check CHECK (tenant_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    level text NOT NULL CHECK (level IN ('tenant', 'department', 'user')),
    -- The department's or the user's; empty for the tenant itself.
    name text NOT NULL CONSTRAINT budgets_name_check CHECK (length(name) <= 256 AND (level = 'tenant') = (name = '')),
    period text NOT NULL CHECK (period IN ('day', 'month', 'total')),
    -- Nano-USD.
    spending_limit bigint NOT NULL CONSTRAINT budgets_spending_limit_check CHECK (spending_limit BETWEEN 0 AND 9000000000000000),
    PRIMARY KEY (tenant_id, level, name, period)
);

-- As for prices.
CREATE FUNCTION agentshield.note_budgets() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    present bigint;
BEGIN
    UPDATE agentshield.control_state SET revision = revision + 1 RETURNING revision INTO present;
    INSERT INTO agentshield.control_changes (revision, key_id) VALUES (present, 'budgets');
    DELETE FROM agentshield.control_changes WHERE revision <= present - 1000;
    RETURN NULL;
END
$$;

CREATE TRIGGER budgets_changed AFTER INSERT OR UPDATE OR DELETE ON agentshield.budgets
    FOR EACH STATEMENT EXECUTE FUNCTION agentshield.note_budgets();
