-- Rows that PostgreSQL refused, as they were to be copied, so that none is lost and none holds up the others.

CREATE TABLE agentshield.dead_letters (
    source_table text NOT NULL,
    -- The row's own key, such as a request's id.
    row_key text NOT NULL,
    -- The row in COPY's text form.
    row_text bytea NOT NULL,
    -- Why: PostgreSQL's error code and the constraint's name.
    sql_state text NOT NULL,
    constraint_name text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_table, row_key)
);

CREATE INDEX dead_letters_by_time ON agentshield.dead_letters (created_at);
