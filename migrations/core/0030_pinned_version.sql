-- Versions of repositories that users do not see: each belongs to a unit, which serves it below a folder. While it is
-- named here it cannot be deleted.
CREATE TABLE pinned_version (
    content_id uuid NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    folder text COLLATE "C" NOT NULL,
    version_id uuid NOT NULL REFERENCES repository_version (id),
    PRIMARY KEY (content_id, folder)
);
CREATE INDEX pinned_version_version ON pinned_version (version_id);

-- Versions whose files a publication of another one places, by the rule.
CREATE TABLE published_version (
    publication_id uuid NOT NULL REFERENCES publication (id) ON DELETE CASCADE,
    placement text NOT NULL,
    version_id uuid NOT NULL REFERENCES repository_version (id),
    PRIMARY KEY (publication_id, placement)
);
CREATE INDEX published_version_version ON published_version (version_id);
