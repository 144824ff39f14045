-- Core's tables, in PostgreSQL's words; `db/dialect.rs` turns the column types into SQLite's.
-- Paths are compared byte by byte on both databases, so that an index answers "everything below this folder".
-- Every table that a tenant owns carries `domain_id`; there is one domain, `default`, for now.

CREATE TABLE domain (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL UNIQUE,
    description text,
    labels jsonb NOT NULL
);

-- What is known of the installation as a whole.
CREATE TABLE installation (
    name text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE auth_user (
    id bigserial PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text NOT NULL,
    is_staff boolean NOT NULL,
    is_superuser boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamptz NOT NULL
);

CREATE TABLE session (
    -- Digests only: nothing here could be sent as a cookie.
    id_digest text PRIMARY KEY,
    csrf_digest text NOT NULL,
    password_digest text NOT NULL,
    user_id bigint NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL
);

CREATE TABLE artifact (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    size bigint NOT NULL,
    md5 text,
    sha1 text,
    sha224 text,
    sha256 text NOT NULL,
    sha384 text,
    sha512 text,
    timestamp_of_interest timestamptz NOT NULL,
    UNIQUE (domain_id, sha256)
);
CREATE INDEX artifact_created ON artifact (created);

-- Bytes that are being put into the store, before there is a row for them; written where several processes
-- share the store.
CREATE TABLE artifact_arrival (
    id uuid NOT NULL,
    sha256 text NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (sha256, id)
);

-- Bytes whose artifact was deleted and which are to be removed from the store.
CREATE TABLE artifact_removal (
    sha256 text PRIMARY KEY
);

CREATE TABLE content (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    labels jsonb NOT NULL,
    timestamp_of_interest timestamptz NOT NULL,
    -- What must be unique within one repository version, as the content type spells it; null: no rule.
    repo_key text
);
CREATE INDEX content_repo_key ON content (pulp_type, repo_key);
CREATE INDEX content_created ON content (pulp_type, created);

CREATE TABLE content_artifact (
    id uuid PRIMARY KEY,
    content_id uuid NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    -- Null while the bytes are only known to an upstream (`remote_artifact`).
    artifact_id uuid REFERENCES artifact (id),
    -- Ordered by bytes, so that what lies below a directory is one range.
    relative_path text COLLATE "C" NOT NULL,
    UNIQUE (content_id, relative_path)
);
CREATE INDEX content_artifact_artifact ON content_artifact (artifact_id);
CREATE INDEX content_artifact_path ON content_artifact (relative_path);

CREATE TABLE remote (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    labels jsonb NOT NULL,
    url text NOT NULL,
    policy text NOT NULL,
    ca_cert text,
    client_cert text,
    tls_validation boolean NOT NULL,
    proxy_url text,
    -- Encrypted JSON: client_key, username, password, proxy_username, proxy_password.
    secrets text,
    headers jsonb,
    download_concurrency bigint,
    max_retries bigint,
    rate_limit bigint,
    total_timeout double precision,
    connect_timeout double precision,
    sock_connect_timeout double precision,
    sock_read_timeout double precision,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE TABLE remote_artifact (
    id uuid PRIMARY KEY,
    content_artifact_id uuid NOT NULL REFERENCES content_artifact (id) ON DELETE CASCADE,
    remote_id uuid NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    url text NOT NULL,
    size bigint,
    -- Expected digests by algorithm.
    digests jsonb NOT NULL,
    failed_at timestamptz,
    UNIQUE (content_artifact_id, remote_id)
);
CREATE INDEX remote_artifact_remote ON remote_artifact (remote_id);

CREATE TABLE repository (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    labels jsonb NOT NULL,
    description text,
    next_version bigint NOT NULL,
    retain_repo_versions bigint,
    retain_checkpoints bigint,
    user_hidden boolean NOT NULL,
    remote_id uuid REFERENCES remote (id) ON DELETE SET NULL,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX repository_remote ON repository (remote_id);

CREATE TABLE repository_version (
    id uuid PRIMARY KEY,
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    number bigint NOT NULL,
    base_version_id uuid REFERENCES repository_version (id) ON DELETE SET NULL,
    UNIQUE (repository_id, number)
);
CREATE INDEX repository_version_base ON repository_version (base_version_id);

-- Membership as intervals: a unit is in version v when version_added <= v and (version_removed is null or > v).
-- The numbers may be those of deleted versions: v added what has version_added above the number of the version before v.
CREATE TABLE repository_content (
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    content_id uuid NOT NULL REFERENCES content (id),
    version_added bigint NOT NULL,
    version_removed bigint,
    PRIMARY KEY (repository_id, content_id, version_added)
);
CREATE INDEX repository_content_added ON repository_content (repository_id, version_added);
CREATE INDEX repository_content_removed ON repository_content (repository_id, version_removed)
    WHERE version_removed IS NOT NULL;
CREATE INDEX repository_content_content ON repository_content (content_id);

CREATE TABLE repository_version_count (
    version_id uuid NOT NULL REFERENCES repository_version (id) ON DELETE CASCADE,
    count_type text NOT NULL,
    content_type text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (version_id, count_type, content_type)
);

CREATE TABLE publication (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    repository_version_id uuid NOT NULL REFERENCES repository_version (id) ON DELETE CASCADE,
    -- Every path of the version is served too, not only what is listed in published_artifact.
    pass_through boolean NOT NULL,
    checkpoint boolean NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX publication_version ON publication (repository_version_id);

CREATE TABLE published_artifact (
    publication_id uuid NOT NULL REFERENCES publication (id) ON DELETE CASCADE,
    relative_path text COLLATE "C" NOT NULL,
    content_artifact_id uuid NOT NULL REFERENCES content_artifact (id),
    PRIMARY KEY (publication_id, relative_path)
);
CREATE INDEX published_artifact_content ON published_artifact (content_artifact_id);

CREATE TABLE published_metadata (
    publication_id uuid NOT NULL REFERENCES publication (id) ON DELETE CASCADE,
    relative_path text COLLATE "C" NOT NULL,
    artifact_id uuid NOT NULL REFERENCES artifact (id),
    PRIMARY KEY (publication_id, relative_path)
);
CREATE INDEX published_metadata_artifact ON published_metadata (artifact_id);

CREATE TABLE distribution (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    labels jsonb NOT NULL,
    base_path text COLLATE "C" NOT NULL,
    hidden boolean NOT NULL,
    checkpoint boolean NOT NULL,
    publication_id uuid REFERENCES publication (id) ON DELETE SET NULL,
    repository_id uuid REFERENCES repository (id) ON DELETE SET NULL,
    repository_version_id uuid REFERENCES repository_version (id) ON DELETE SET NULL,
    remote_id uuid REFERENCES remote (id) ON DELETE SET NULL,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name),
    UNIQUE (domain_id, base_path)
);
CREATE INDEX distribution_base_path ON distribution (base_path);
CREATE INDEX distribution_publication ON distribution (publication_id);
CREATE INDEX distribution_repository ON distribution (repository_id);
CREATE INDEX distribution_version ON distribution (repository_version_id);
CREATE INDEX distribution_remote ON distribution (remote_id);

-- The publication a distribution served last, and until when its files are still answered.
CREATE TABLE distributed_publication (
    distribution_id uuid NOT NULL REFERENCES distribution (id) ON DELETE CASCADE,
    publication_id uuid NOT NULL REFERENCES publication (id) ON DELETE CASCADE,
    created timestamptz NOT NULL,
    -- Null: the one served now.
    expires_at timestamptz,
    PRIMARY KEY (distribution_id, publication_id)
);
CREATE INDEX distributed_publication_publication ON distributed_publication (publication_id);

CREATE TABLE upload (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    size bigint NOT NULL
);

CREATE TABLE upload_chunk (
    upload_id uuid NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    start bigint NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (upload_id, start)
);

CREATE TABLE app_status (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    app_type text NOT NULL,
    name text NOT NULL,
    versions jsonb NOT NULL,
    last_heartbeat timestamptz NOT NULL
);

CREATE TABLE task_group (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    description text NOT NULL,
    all_tasks_dispatched boolean NOT NULL
);

CREATE TABLE task (
    -- The order of creation, which reservations are granted in.
    seq bigserial PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    logging_cid text NOT NULL,
    unblocked_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error jsonb,
    result jsonb,
    -- Encrypted: which kind of task with which arguments. Null for one that ran within its request.
    payload text,
    worker_id uuid,
    created_by bigint REFERENCES auth_user (id) ON DELETE SET NULL,
    parent_task_id uuid,
    task_group_id uuid REFERENCES task_group (id) ON DELETE SET NULL
);
CREATE INDEX task_unfinished ON task (seq) WHERE finished_at IS NULL;
CREATE INDEX task_runnable ON task (seq) WHERE unblocked_at IS NOT NULL AND finished_at IS NULL;
CREATE INDEX task_created ON task (created);
CREATE INDEX task_group_tasks ON task (task_group_id);
CREATE INDEX task_parent ON task (parent_task_id);
CREATE INDEX task_cid ON task (logging_cid);

CREATE TABLE task_resource (
    task_seq bigint NOT NULL REFERENCES task (seq) ON DELETE CASCADE,
    position bigint NOT NULL,
    -- A PRN, or a name such as `pdrn:<domain>:orphans`.
    resource text NOT NULL,
    shared boolean NOT NULL,
    -- Still reserved; the rows of finished tasks stay as a record.
    live boolean NOT NULL,
    PRIMARY KEY (task_seq, position)
);
CREATE INDEX task_resource_live ON task_resource (resource, task_seq) WHERE live;
CREATE INDEX task_resource_name ON task_resource (resource);

CREATE TABLE created_resource (
    task_seq bigint NOT NULL REFERENCES task (seq) ON DELETE CASCADE,
    position bigint NOT NULL,
    prn text NOT NULL,
    -- Below the API root, so that it survives a change of `api_root`.
    path text NOT NULL,
    PRIMARY KEY (task_seq, position)
);
CREATE INDEX created_resource_path ON created_resource (path);

-- What was measured while a task ran, by the name of the measurement.
CREATE TABLE task_profile (
    task_seq bigint NOT NULL REFERENCES task (seq) ON DELETE CASCADE,
    name text NOT NULL,
    artifact_id uuid NOT NULL REFERENCES artifact (id),
    PRIMARY KEY (task_seq, name)
);
CREATE INDEX task_profile_artifact ON task_profile (artifact_id);

CREATE TABLE progress_report (
    task_seq bigint NOT NULL REFERENCES task (seq) ON DELETE CASCADE,
    position bigint NOT NULL,
    message text NOT NULL,
    code text NOT NULL,
    state text NOT NULL,
    total bigint,
    done bigint NOT NULL,
    suffix text,
    PRIMARY KEY (task_seq, position)
);
