-- The ledger: a row for every request, appended and never changed, chained by keyed hashes.

CREATE TABLE agentshield.ledger_entries (
    -- Rises with each row: rows are appended under one lock.
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant_id text NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    id uuid NOT NULL UNIQUE,
    -- 1: a request, 2: a correction.
    kind smallint NOT NULL,
    -- Milliseconds since 1970.
    received_at bigint NOT NULL,
    department_id text,
    user_id text,
    -- Nano-USD. NULL: there was no price.
    cost bigint,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    -- The whole row in our own encoding; the columns are taken from it.
    record bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

CREATE INDEX ledger_entries_by_time ON agentshield.ledger_entries (tenant_id, received_at);

CREATE TABLE agentshield.ledger_heads (
    tenant_id text PRIMARY KEY,
    sequence bigint NOT NULL,
    hash bytea NOT NULL
);

CREATE TABLE agentshield.ledger_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- By which a ledger knows its key again.
    chain_check bytea NOT NULL
);

-- Whoever owns the tables may still change them; nobody does so by mistake.
CREATE FUNCTION agentshield.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of the ledger are never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER ledger_entries_are_kept BEFORE UPDATE OR DELETE ON agentshield.ledger_entries
    FOR EACH ROW EXECUTE FUNCTION agentshield.refuse_change();
