-- Files that pip installs, one row each, with what their core metadata says. Lists and maps are kept as the JSON
-- text that clients get.
CREATE TABLE python_package (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL,
    filename text COLLATE "C" NOT NULL,
    packagetype text NOT NULL,
    python_version text NOT NULL,
    size bigint NOT NULL,
    -- Of the metadata that is served beside the file; null where there is none.
    metadata_sha256 text,
    -- When the index that the file came from first had it; null for files uploaded here.
    upload_time timestamptz,
    name text NOT NULL,
    name_normalized text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    metadata_version text NOT NULL,
    summary text NOT NULL,
    description text NOT NULL,
    description_content_type text NOT NULL,
    keywords text NOT NULL,
    home_page text NOT NULL,
    download_url text NOT NULL,
    author text NOT NULL,
    author_email text NOT NULL,
    maintainer text NOT NULL,
    maintainer_email text NOT NULL,
    license text NOT NULL,
    license_expression text NOT NULL,
    license_file text NOT NULL,
    requires_python text NOT NULL,
    project_url text NOT NULL,
    project_urls text NOT NULL,
    platform text NOT NULL,
    supported_platform text NOT NULL,
    requires_dist text NOT NULL,
    requires_external text NOT NULL,
    provides_dist text NOT NULL,
    provides_extras text NOT NULL,
    obsoletes_dist text NOT NULL,
    dynamic text NOT NULL,
    classifiers text NOT NULL,
    UNIQUE (domain_id, sha256)
);
CREATE INDEX python_package_name ON python_package (name_normalized);
CREATE INDEX python_package_filename ON python_package (filename);

-- PEP 740: who made a file, as attestations say it.
CREATE TABLE python_provenance (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL,
    package_sha256 text NOT NULL,
    filename text COLLATE "C" NOT NULL,
    name_normalized text COLLATE "C" NOT NULL,
    provenance jsonb NOT NULL,
    UNIQUE (domain_id, sha256)
);
CREATE INDEX python_provenance_package ON python_provenance (package_sha256);
CREATE INDEX python_provenance_name ON python_provenance (name_normalized);

-- PEP 592: a release that installers pass over. While it is in a repository, all its files are yanked there.
CREATE TABLE python_yank (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    name_normalized text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    yanked_reason text NOT NULL,
    UNIQUE (domain_id, name_normalized, version, yanked_reason)
);
CREATE INDEX python_yank_name ON python_yank (name_normalized);
