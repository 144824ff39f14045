-- What decides who may read a distribution.
CREATE TABLE content_guard (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    description text,
    -- Encrypted JSON: what the type keeps to itself.
    secrets text,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);

-- The guards that a composite one asks, in this order.
CREATE TABLE content_guard_member (
    composite_id uuid NOT NULL REFERENCES content_guard (id) ON DELETE CASCADE,
    member_id uuid NOT NULL REFERENCES content_guard (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    PRIMARY KEY (composite_id, member_id)
);
CREATE INDEX content_guard_member_member ON content_guard_member (member_id);

ALTER TABLE distribution ADD COLUMN content_guard_id uuid REFERENCES content_guard (id) ON DELETE SET NULL;
CREATE INDEX distribution_content_guard ON distribution (content_guard_id);
