-- Tokens that users hand to programs in place of their passwords.

CREATE TABLE api_token (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    name text NOT NULL,
    user_id bigint NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
    -- SHA-256 of the token, in hexadecimal. The token itself is kept nowhere.
    digest text NOT NULL UNIQUE,
    read_only boolean NOT NULL,
    -- The PRNs of what it is for; null: for all that its user may do.
    objects jsonb,
    -- Null: it does not end by itself.
    expires timestamptz,
    -- To the hour.
    last_used timestamptz
);
CREATE INDEX api_token_user ON api_token (user_id, created);
