-- What signs metadata and files: a key that is kept here, or a script that every host has.
CREATE TABLE signing_service (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL UNIQUE,
    -- What it signs (`core:AsciiArmoredDetachedSigningService`); empty: whatever a key can sign.
    class text NOT NULL,
    -- In armour.
    public_key text NOT NULL,
    -- In capital hexadecimal.
    pubkey_fingerprint text NOT NULL,
    -- An absolute path; empty where the key is kept here.
    script text NOT NULL,
    -- A key that is kept here with its passphrase, sealed.
    secrets text
);
