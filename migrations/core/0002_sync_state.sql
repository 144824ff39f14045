-- What formats remember between two synchronizations of a repository with a remote.

CREATE TABLE sync_source (
    id bigserial PRIMARY KEY,
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    remote_id uuid NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    -- The settings under which it is true.
    fingerprint text NOT NULL,
    -- The number of the version that the last synchronization left as the newest.
    version bigint NOT NULL,
    UNIQUE (repository_id, remote_id)
);
CREATE INDEX sync_source_remote ON sync_source (remote_id);

CREATE TABLE sync_state (
    source_id bigint NOT NULL REFERENCES sync_source (id) ON DELETE CASCADE,
    -- Ordered by bytes, as it is looked up in memory.
    key text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (source_id, key)
);
