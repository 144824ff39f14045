-- Servers whose distributions are replicated.
CREATE TABLE upstream_pulp (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text,
    name text NOT NULL,
    base_url text NOT NULL,
    api_root text NOT NULL,
    -- The domain of that server.
    domain text,
    ca_cert text,
    client_cert text,
    tls_validation boolean NOT NULL,
    -- Sealed: the key of the certificate, user name, password.
    secrets text,
    download_concurrency bigint,
    max_retries bigint,
    total_timeout double precision,
    connect_timeout double precision,
    sock_connect_timeout double precision,
    sock_read_timeout double precision,
    remote_policy text,
    q_select text,
    policy text NOT NULL,
    last_replication timestamptz,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);

-- What a replication saw of a distribution when the last of its content was here.
CREATE TABLE replicated_distribution (
    distribution_id uuid PRIMARY KEY REFERENCES distribution (id) ON DELETE CASCADE,
    upstream_pulp_id uuid NOT NULL REFERENCES upstream_pulp (id) ON DELETE CASCADE,
    repository_version_id uuid NOT NULL REFERENCES repository_version (id) ON DELETE CASCADE,
    -- As the upstream wrote it; null where it does not say.
    unchanged_since text
);
CREATE INDEX replicated_distribution_upstream ON replicated_distribution (upstream_pulp_id);
CREATE INDEX replicated_distribution_version ON replicated_distribution (repository_version_id);
