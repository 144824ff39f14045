-- Packages, one row each: what `primary` says of them as columns, their dependencies, files and changelogs as the ready
-- elements of the three documents, which publications are put together of.
CREATE TABLE rpm_package (
    content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
    domain_id uuid NOT NULL REFERENCES domain (id),
    pkgid text NOT NULL,
    checksum_type text NOT NULL,
    name text COLLATE "C" NOT NULL,
    epoch text NOT NULL,
    version text COLLATE "C" NOT NULL,
    release text COLLATE "C" NOT NULL,
    arch text COLLATE "C" NOT NULL,
    -- Orders as RPM orders epoch, version and release.
    evr text COLLATE "C" NOT NULL,
    -- Where the package lay when it came.
    location_href text NOT NULL,
    location_base text NOT NULL,
    time_build bigint NOT NULL,
    time_file bigint NOT NULL,
    size_package bigint NOT NULL,
    size_installed bigint NOT NULL,
    size_archive bigint NOT NULL,
    rpm_header_start bigint NOT NULL,
    rpm_header_end bigint NOT NULL,
    is_modular boolean NOT NULL,
    rpm_sourcerpm text NOT NULL,
    rpm_buildhost text NOT NULL,
    rpm_group text NOT NULL,
    rpm_license text NOT NULL,
    rpm_packager text NOT NULL,
    rpm_vendor text NOT NULL,
    url text NOT NULL,
    summary text NOT NULL,
    -- Null where only metadata was read, which does not say it.
    signing_keys jsonb,
    description text NOT NULL,
    -- The elements, each a zstd frame.
    primary_xml bytea NOT NULL,
    other_xml bytea NOT NULL,
    filelists_xml bytea NOT NULL,
    -- The digests of the files in the order of `filelists`, one a line, a zstd frame; null as with `signing_keys`.
    file_digests bytea,
    UNIQUE (domain_id, pkgid, checksum_type, name, epoch, version, release, arch)
);
CREATE INDEX rpm_package_name ON rpm_package (name, arch);
