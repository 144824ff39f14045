-- Exports and imports: what is moved from one installation to another, and what was.

CREATE TABLE exporter (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text NOT NULL,
    name text NOT NULL,
    path text NOT NULL,
    -- How files get to the path; null for exports of repositories.
    method text,
    -- What the next incremental export starts from.
    last_export_id uuid,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE TABLE exporter_repository (
    exporter_id uuid NOT NULL REFERENCES exporter (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    PRIMARY KEY (exporter_id, repository_id)
);
CREATE INDEX exporter_repository_repository ON exporter_repository (repository_id);

CREATE TABLE export (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    exporter_id uuid NOT NULL REFERENCES exporter (id) ON DELETE CASCADE,
    task_id uuid,
    params jsonb NOT NULL,
    output_file_info jsonb,
    toc_info jsonb
);
CREATE INDEX export_exporter ON export (exporter_id);

-- What was exported; a row has a version or a publication.
CREATE TABLE exported_resource (
    export_id uuid NOT NULL REFERENCES export (id) ON DELETE CASCADE,
    position bigint NOT NULL,
    repository_version_id uuid REFERENCES repository_version (id) ON DELETE CASCADE,
    publication_id uuid REFERENCES publication (id) ON DELETE CASCADE,
    PRIMARY KEY (export_id, position)
);
CREATE INDEX exported_resource_version ON exported_resource (repository_version_id);
CREATE INDEX exported_resource_publication ON exported_resource (publication_id);

CREATE TABLE importer (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    pulp_type text,
    name text NOT NULL,
    details jsonb NOT NULL,
    UNIQUE (domain_id, name)
);

-- Where the repository of an export that is called so goes.
CREATE TABLE importer_repository (
    importer_id uuid NOT NULL REFERENCES importer (id) ON DELETE CASCADE,
    source_name text NOT NULL,
    repository_id uuid NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    PRIMARY KEY (importer_id, source_name)
);
CREATE INDEX importer_repository_repository ON importer_repository (repository_id);

CREATE TABLE import (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL REFERENCES domain (id),
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    importer_id uuid NOT NULL REFERENCES importer (id) ON DELETE CASCADE,
    task_id uuid,
    params jsonb NOT NULL
);
CREATE INDEX import_importer ON import (importer_id);
