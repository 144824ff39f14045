-- Small objects that belong to one repository and that only its format understands.
CREATE TABLE repository_part (
    id uuid PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    model text NOT NULL,
    fields jsonb NOT NULL
);
CREATE INDEX repository_part_repository ON repository_part (repository_id, model);
