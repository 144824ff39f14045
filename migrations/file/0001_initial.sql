CREATE TABLE file_content (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    relative_path text NOT NULL,
    -- The SHA-256 of the file.
    digest text NOT NULL,
    UNIQUE (domain_id, relative_path, digest)
);
