-- Tenants, their departments and users, and API keys. A key's secret is kept as a keyed hash only.

CREATE TABLE agentshield.tenants (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name text NOT NULL CHECK (length(name) <= 256),
    -- Where its requests may be served; NULL: anywhere.
    region text CHECK (region ~ '^[A-Za-z0-9._-]{1,64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    suspended_at timestamptz
);

CREATE TABLE agentshield.departments (
    tenant_id text NOT NULL REFERENCES agentshield.tenants (id),
    id text NOT NULL CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name text NOT NULL CHECK (length(name) <= 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE agentshield.users (
    tenant_id text NOT NULL REFERENCES agentshield.tenants (id),
    id text NOT NULL CHECK (id ~ '^[A-Za-z0-9._@+-]{1,128}$'),
    department_id text,
    name text NOT NULL CHECK (length(name) <= 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES agentshield.departments (tenant_id, id)
);

CREATE INDEX users_by_department ON agentshield.users (tenant_id, department_id);

CREATE TABLE agentshield.api_keys (
    tenant_id text NOT NULL REFERENCES agentshield.tenants (id),
    id text NOT NULL CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    department_id text,
    user_id text,
    -- Patterns of model names; NULL: every model.
    allowed_models text[] CHECK (cardinality(allowed_models) <= 256),
    -- NULL: no limit of the key's own.
    requests_per_minute bigint CHECK (requests_per_minute > 0),
    tokens_per_minute bigint CHECK (tokens_per_minute > 0),
    concurrent_streams bigint CHECK (concurrent_streams > 0),
    -- NULL: the tenant's.
    scrub_policy text CHECK (scrub_policy ~ '^[A-Za-z0-9._-]{1,64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- Grows with every change: whoever holds an older one holds what is no longer true.
    epoch bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, department_id) REFERENCES agentshield.departments (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES agentshield.users (tenant_id, id)
);

CREATE INDEX api_keys_by_department ON agentshield.api_keys (tenant_id, department_id);
CREATE INDEX api_keys_by_user ON agentshield.api_keys (tenant_id, user_id);

-- The hashes under which a key is found: one, and while a rotation overlaps the ones before it.
CREATE TABLE agentshield.api_key_hashes (
    -- Which pepper the hash was made with.
    pepper_id text NOT NULL CHECK (pepper_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    tenant_id text NOT NULL,
    key_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- NULL: the current one.
    expires_at timestamptz,
    PRIMARY KEY (pepper_id, hash),
    FOREIGN KEY (tenant_id, key_id) REFERENCES agentshield.api_keys (tenant_id, id)
);

CREATE UNIQUE INDEX api_key_hashes_current ON agentshield.api_key_hashes (tenant_id, key_id) WHERE expires_at IS NULL;
CREATE INDEX api_key_hashes_by_key ON agentshield.api_key_hashes (tenant_id, key_id);
