-- Which repository fills one that users do not see, and below which folder. What was made before has no row here: the
-- next synchronization fills new ones, and the old ones go with the last tree that pins them.
CREATE TABLE hidden_repository (
    repository_id uuid PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
    owner_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    folder text COLLATE "C" NOT NULL,
    UNIQUE (owner_id, folder)
);
