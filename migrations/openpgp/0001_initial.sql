-- Keys and what belongs to them. Parts name their key by its fingerprint, and signatures what they are of by its
-- fingerprint or digest: whoever brings a part again finds the same unit. Times are in seconds since 1970.
CREATE TABLE openpgp_public_key (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    fingerprint text NOT NULL,
    key_id text NOT NULL,
    created_at bigint NOT NULL,
    raw_data bytea NOT NULL,
    UNIQUE (domain_id, fingerprint)
);
CREATE INDEX openpgp_public_key_key_id ON openpgp_public_key (key_id);

CREATE TABLE openpgp_public_subkey (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    fingerprint text NOT NULL,
    public_key text NOT NULL,
    created_at bigint NOT NULL,
    raw_data bytea NOT NULL,
    UNIQUE (domain_id, fingerprint, public_key)
);
CREATE INDEX openpgp_public_subkey_public_key ON openpgp_public_subkey (public_key);

CREATE TABLE openpgp_user_id (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL,
    public_key text NOT NULL,
    user_id text NOT NULL,
    raw_data bytea NOT NULL,
    UNIQUE (domain_id, sha256, public_key)
);
CREATE INDEX openpgp_user_id_public_key ON openpgp_user_id (public_key);

CREATE TABLE openpgp_user_attribute (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL,
    public_key text NOT NULL,
    raw_data bytea NOT NULL,
    UNIQUE (domain_id, sha256, public_key)
);
CREATE INDEX openpgp_user_attribute_public_key ON openpgp_user_attribute (public_key);

CREATE TABLE openpgp_signature (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL,
    public_key text NOT NULL,
    -- The type of what it is of, and the fingerprint or digest of that.
    signed_type text NOT NULL,
    signed text NOT NULL,
    issuer text,
    created_at bigint,
    -- How long it lives, and the subkey or key that it speaks of, in seconds.
    lives bigint,
    key_lives bigint,
    -- When the subkey was made that it is of.
    subkey_created_at bigint,
    signers_user_id text,
    raw_data bytea NOT NULL,
    UNIQUE (domain_id, sha256, public_key, signed_type, signed)
);
CREATE INDEX openpgp_signature_public_key ON openpgp_signature (public_key);
CREATE INDEX openpgp_signature_signed ON openpgp_signature (signed);
