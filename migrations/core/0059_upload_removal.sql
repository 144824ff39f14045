-- Uploads that are no more. Their bytes are removed at once, and once more after a while: a process may have been
-- killed before it came to that, or a chunk have arrived after it.
CREATE TABLE upload_removal (
    upload_id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id) ON DELETE CASCADE,
    -- When the upload was begun, and when it was deleted.
    created timestamptz NOT NULL,
    deleted timestamptz NOT NULL
);
