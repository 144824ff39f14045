-- How many rows of a table a domain has of each type: sums, and changes to be added to them. Triggers of those tables
-- keep them, see core/src/db/tallies.rs. No foreign key, for nobody is to wait for whoever adds.
CREATE TABLE tally (
    -- The table.
    kind text NOT NULL,
    domain_id uuid NOT NULL,
    pulp_type text NOT NULL,
    change bigint NOT NULL
);
CREATE INDEX tally_of ON tally (kind, domain_id, pulp_type);
