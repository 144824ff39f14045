-- The store beside that of a domain, from which is read what its own does not have: while its files move, and for some
-- hours after its place changed. Null where there is none.
ALTER TABLE domain ADD COLUMN second_class text;
ALTER TABLE domain ADD COLUMN second_settings jsonb;
-- Encrypted JSON, as `secrets`.
ALTER TABLE domain ADD COLUMN second_secrets text;
-- Since when it is looked into.
ALTER TABLE domain ADD COLUMN second_since timestamptz;

-- Stores of domains that are no more, whose bytes are to be removed. No foreign key: there is no domain any more.
CREATE TABLE dissolving_store (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL,
    -- For those who read the log.
    domain_name text NOT NULL,
    storage_class text NOT NULL,
    storage_settings jsonb NOT NULL,
    -- Encrypted JSON: the secret ones among the settings.
    secrets text,
    created timestamptz NOT NULL,
    -- When they are removed next.
    due timestamptz NOT NULL
);

-- Of which domain the bytes are that are on their way in. Null in rows of processes of an earlier version, which count
-- for all domains.
ALTER TABLE artifact_arrival ADD COLUMN domain_id uuid;
