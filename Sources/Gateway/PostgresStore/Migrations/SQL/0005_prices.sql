-- Imported prices: what a provider's model costs from a day on, in nano-USD per million tokens.

CREATE TABLE agentshield.prices (
    provider text NOT NULL CHECK (length(provider) BETWEEN 1 AND 64),
    -- A name, or the start of names and `*`.
    model text NOT NULL CHECK (length(model) BETWEEN 1 AND 128),
    effective_from date NOT NULL,
    input bigint NOT NULL CONSTRAINT prices_input_check CHECK (input >= 0),
    cache_read bigint NOT NULL CONSTRAINT prices_cache_read_check CHECK (cache_read >= 0),
    cache_write bigint NOT NULL CONSTRAINT prices_cache_write_check CHECK (cache_write >= 0),
    output bigint NOT NULL CONSTRAINT prices_output_check CHECK (output >= 0),
    PRIMARY KEY (provider, model, effective_from)
);

-- A revision for each statement, whatever it changes (two where it may insert and update). In control_changes no tenant and the key `prices` stand for the price list.
CREATE FUNCTION agentshield.note_prices() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    present bigint;
BEGIN
    UPDATE agentshield.control_state SET revision = revision + 1 RETURNING revision INTO present;
    INSERT INTO agentshield.control_changes (revision, key_id) VALUES (present, 'prices');
    DELETE FROM agentshield.control_changes WHERE revision <= present - 1000;
    RETURN NULL;
END
$$;

CREATE TRIGGER prices_changed AFTER INSERT OR UPDATE OR DELETE ON agentshield.prices
    FOR EACH STATEMENT EXECUTE FUNCTION agentshield.note_prices();
