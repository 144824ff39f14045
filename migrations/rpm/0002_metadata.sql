-- What repositories hold beside packages, one row each. Where a table has a `snippet`, that is the text which
-- publications are put together of: an element of XML, or a document of YAML as it came. `digest` is the SHA-256 of it.

CREATE TABLE rpm_advisory (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    id text COLLATE "C" NOT NULL,
    updated_date text NOT NULL,
    description text NOT NULL,
    issued_date text NOT NULL,
    fromstr text NOT NULL,
    status text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    version text NOT NULL,
    type text NOT NULL,
    severity text NOT NULL,
    solution text NOT NULL,
    release text NOT NULL,
    rights text NOT NULL,
    pushcount text NOT NULL,
    reboot_suggested boolean NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_advisory_id ON rpm_advisory (id);

CREATE TABLE rpm_modulemd (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    name text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    -- A number of up to 64 bits, as its digits.
    version text NOT NULL,
    context text NOT NULL,
    arch text NOT NULL,
    -- Null where the document does not say.
    static_context boolean,
    description text NOT NULL,
    artifacts jsonb NOT NULL,
    dependencies jsonb NOT NULL,
    profiles jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_modulemd_name ON rpm_modulemd (name, stream);

CREATE TABLE rpm_modulemd_defaults (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    module text COLLATE "C" NOT NULL,
    stream text NOT NULL,
    profiles jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_modulemd_defaults_module ON rpm_modulemd_defaults (module);

CREATE TABLE rpm_modulemd_obsolete (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    modified text NOT NULL,
    module_name text COLLATE "C" NOT NULL,
    module_stream text NOT NULL,
    message text NOT NULL,
    override_previous text,
    module_context text,
    eol_date text,
    obsoleted_by_module_name text,
    obsoleted_by_module_stream text,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_modulemd_obsolete_module ON rpm_modulemd_obsolete (module_name);

CREATE TABLE rpm_packagegroup (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    id text COLLATE "C" NOT NULL,
    is_default boolean NOT NULL,
    user_visible boolean NOT NULL,
    display_order bigint,
    name text NOT NULL,
    description text NOT NULL,
    packages jsonb NOT NULL,
    biarch_only boolean NOT NULL,
    desc_by_lang jsonb NOT NULL,
    name_by_lang jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_packagegroup_id ON rpm_packagegroup (id);

CREATE TABLE rpm_packagecategory (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    display_order bigint,
    group_ids jsonb NOT NULL,
    desc_by_lang jsonb NOT NULL,
    name_by_lang jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_packagecategory_id ON rpm_packagecategory (id);

CREATE TABLE rpm_packageenvironment (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    display_order bigint,
    group_ids jsonb NOT NULL,
    option_ids jsonb NOT NULL,
    desc_by_lang jsonb NOT NULL,
    name_by_lang jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);
CREATE INDEX rpm_packageenvironment_id ON rpm_packageenvironment (id);

CREATE TABLE rpm_packagelangpacks (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    matches jsonb NOT NULL,
    digest text NOT NULL,
    snippet text NOT NULL,
    UNIQUE (domain_id, digest)
);

-- Installable trees. `digest` is that of the treeinfo file, which is one of the unit's files.
CREATE TABLE rpm_distribution_tree (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    header_version text NOT NULL,
    release_name text NOT NULL,
    release_short text NOT NULL,
    release_version text NOT NULL,
    release_is_layered boolean NOT NULL,
    base_product_name text,
    base_product_short text,
    base_product_version text,
    arch text NOT NULL,
    build_timestamp bigint NOT NULL,
    instimage text,
    mainimage text,
    discnum bigint,
    totaldiscs bigint,
    addons jsonb NOT NULL,
    checksums jsonb NOT NULL,
    images jsonb NOT NULL,
    variants jsonb NOT NULL,
    digest text NOT NULL,
    UNIQUE (domain_id, digest)
);

-- Metadata that is carried along as it is.
CREATE TABLE rpm_repo_metadata_file (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    data_type text NOT NULL,
    checksum_type text NOT NULL,
    checksum text NOT NULL,
    relative_path text COLLATE "C" NOT NULL,
    UNIQUE (domain_id, checksum, data_type, relative_path)
);
