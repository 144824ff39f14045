-- The units that were made by signing the files of others, so that none is signed twice by the same key.
CREATE TABLE signing_result (
    domain_id uuid NOT NULL REFERENCES domain (id),
    -- Of the file before.
    sha256 text NOT NULL,
    -- The fingerprint or id of the key, in capital hexadecimal.
    signed_by text NOT NULL,
    content_id uuid NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    PRIMARY KEY (domain_id, sha256, signed_by)
);
CREATE INDEX signing_result_content ON signing_result (content_id);
