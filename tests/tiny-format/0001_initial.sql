CREATE TABLE note_note (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    title text NOT NULL,
    digest text NOT NULL,
    UNIQUE (domain_id, title, digest)
);
