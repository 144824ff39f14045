CREATE TABLE python_package (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    sha256 text NOT NULL, filename text NOT NULL, name text NOT NULL, name_normalized text COLLATE "C" NOT NULL, version text NOT NULL,
    packagetype text, python_version text, size bigint NOT NULL, metadata_sha256 text, requires_python text, upload_time timestamptz,
    metadata_version text, platform text, supported_platform text, summary text, description text, description_content_type text, keywords text,
    home_page text, download_url text, author text, author_email text, maintainer text, maintainer_email text, license text, license_expression text,
    license_file jsonb, classifiers jsonb, requires_dist jsonb, requires_external jsonb, provides_dist jsonb, provides_extras jsonb, obsoletes_dist jsonb,
    dynamic jsonb, project_url text, project_urls jsonb,
    UNIQUE (domain_id, sha256)
);
CREATE INDEX python_package_name ON python_package (name_normalized);
CREATE TABLE python_provenance (content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE, domain_id uuid NOT NULL, package_sha256 text NOT NULL, name_normalized text NOT NULL, filename text, provenance jsonb, sha256 text, UNIQUE (domain_id, sha256));
CREATE INDEX python_provenance_name ON python_provenance (name_normalized);
CREATE TABLE python_yank (content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE, domain_id uuid NOT NULL, name_normalized text NOT NULL, version text NOT NULL, yanked_reason text NOT NULL, UNIQUE (domain_id, name_normalized, version, yanked_reason));
