-- Where else files are to be had, by their digests.
CREATE TABLE alternate_content_source (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    last_refreshed timestamptz,
    remote_id uuid NOT NULL REFERENCES remote (id),
    -- A list of texts below the remote's address, never empty; '' is that address itself.
    paths jsonb NOT NULL,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX alternate_content_source_remote ON alternate_content_source (remote_id);

-- What one refresh found at one path.
CREATE TABLE alternate_listing (
    id uuid PRIMARY KEY,
    source_id uuid NOT NULL REFERENCES alternate_content_source (id) ON DELETE CASCADE,
    path text NOT NULL,
    -- `new` while it is written; `current`: what counts; `old`: to be taken away by the next refresh.
    state text NOT NULL,
    -- The server did not answer.
    failed_at timestamptz
);
CREATE INDEX alternate_listing_source ON alternate_listing (source_id);

CREATE TABLE alternate_file (
    listing_id uuid NOT NULL REFERENCES alternate_listing (id) ON DELETE CASCADE,
    -- In lower case. Its length tells the algorithm.
    digest text NOT NULL,
    url text NOT NULL,
    -- The server had something else, or nothing.
    failed_at timestamptz,
    PRIMARY KEY (listing_id, digest)
);
CREATE INDEX alternate_file_digest ON alternate_file (digest);
