-- A rule by which the files of the version lie in the publication; see `db/placement.rs`.
ALTER TABLE publication ADD COLUMN placement text;

-- What a format remembers of a publication so that it makes the next one faster. Of a repository only the latest has it.
CREATE TABLE publication_memory (
    publication_id uuid NOT NULL REFERENCES publication (id) ON DELETE CASCADE,
    key text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (publication_id, key)
);
