-- The keys that signing services change to. A service that has one signs metadata with both.
CREATE TABLE signing_successor (
    -- That of the service.
    id uuid PRIMARY KEY REFERENCES signing_service (id) ON DELETE CASCADE,
    created timestamptz NOT NULL,
    -- In armour.
    public_key text NOT NULL,
    -- In capital hexadecimal.
    pubkey_fingerprint text NOT NULL,
    -- The key with its passphrase, sealed; null where the script of the service signs.
    secrets text
);
