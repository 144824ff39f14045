//! Packages. Two units are the same when the bytes (by the checksum that names them) and the name are.

use std::fs::File as Disk;
use std::io::{BufReader, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit, UnitFile, Value};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json, json};

use super::packed::{pack, unpack};
use crate::checksum::{Checksum, ChecksumType};
use crate::document::Kind;
use crate::filelists::FilelistsReader;
use crate::header::{Header, Origin};
use crate::other::OtherReader;
use crate::package::{Changelog, File, Package};
use crate::primary::PrimaryReader;
use crate::resources;

/// The type of packages.
pub(crate) const PACKAGE: &str = "rpm.package";

const COLUMNS: &[&str] = &[
    "pkgid",
    "checksum_type",
    "name",
    "epoch",
    "version",
    "release",
    "arch",
    "evr",
    "location_href",
    "location_base",
    "time_build",
    "time_file",
    "size_package",
    "size_installed",
    "size_archive",
    "rpm_header_start",
    "rpm_header_end",
    "is_modular",
    "rpm_sourcerpm",
    "rpm_buildhost",
    "rpm_group",
    "rpm_license",
    "rpm_packager",
    "rpm_vendor",
    "url",
    "summary",
    "signing_keys",
    "description",
    "primary_xml",
    "other_xml",
    "filelists_xml",
    "file_digests",
];

/// Packages as files that somebody brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackageContent {
    /// So many entries of a changelog are kept, the newest.
    pub changelog_limit: usize,
}

#[async_trait]
impl ContentType for PackageContent {
    fn pulp_type(&self) -> &'static str {
        PACKAGE
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "rpm_package", columns: COLUMNS, natural_key: &[0, 1, 2, 3, 4, 5, 6] }
    }

    fn resource(&self) -> Resource {
        resources::package::packages()
    }

    fn reads_file(&self) -> bool {
        true
    }

    /// `PackageUpload` is what Python's tools send.
    fn upload_schema(&self) -> Option<&'static str> {
        Some("RPMPackageUpload")
    }

    fn not_uploaded(&self) -> &'static [&'static str] {
        &["relative_path", "repository"]
    }

    fn passed_over(&self) -> &'static [&'static str] {
        &["relative_path"]
    }

    /// A name that the client gives does not count: packages go by the name that their header says.
    fn check(&self, given: &Map<String, Json>) -> Result<()> {
        let path = given.get("relative_path").and_then(Json::as_str).map(str::parse::<RelativePath>);
        match path {
            Some(Err(problem)) => Err(Error::field("relative_path", problem.to_string())),
            _ => Ok(()),
        }
    }

    async fn inspect(&self, file: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        let (file, limit) = (file.clone(), self.changelog_limit);
        let read = move || inspect(&file, limit);
        tokio::task::spawn_blocking(read).await.map_err(Error::internal)?
    }
}

/// Reads a package file on a thread that may block.
pub(crate) fn inspect(file: &Inspection, changelog_limit: usize) -> Result<Inspected> {
    let package = read_file(file, changelog_limit)?;
    Ok(build(&package, false, Some(file.digests.sha256.clone()), Source::File)?.into())
}

fn read_file(file: &Inspection, changelog_limit: usize) -> Result<Package> {
    let refused = |problem: crate::header::HeaderError| Error::field("file", problem.to_string());
    let path = file.path.as_ref().ok_or_else(|| Error::internal("a package without a path"))?;
    let unreadable = |cause| Error::storage("cannot read an uploaded package", cause);
    let mut input = BufReader::with_capacity(64 << 10, Disk::open(path).map_err(unreadable)?);
    let header = Header::read(&mut input).map_err(refused)?;
    let mut payload = header.payload_check().map_err(refused)?;
    let mut block = vec![0; 64 << 10];
    loop {
        match input.read(&mut block).map_err(unreadable)? {
            0 => break,
            count => payload.update(&block[..count]),
        }
    }
    payload.finish().map_err(refused)?;
    let checksum = Checksum::new(ChecksumType::Sha256, file.digests.sha256.as_str()).map_err(Error::internal)?;
    let name = header.nevra().map_err(refused)?.filename();
    let origin = Origin { checksum, size: file.size, time_file: now(), location_href: name };
    header.package(origin, changelog_limit).map_err(refused)
}

/// Seconds of the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs());
    since.ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}

/// What a package was read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    File,
    /// Which does not tell who signed, nor the digests of files.
    Metadata,
}

/// A package that metadata tells of as a unit. Costs the rendering of its three elements, so it belongs on a thread
/// that may block.
///
/// # Errors
/// `Invalid` when its name cannot be a file's, or a number is larger than any that is kept.
pub(crate) fn unit(package: &Package, is_modular: bool, sha256: Option<Sha256>) -> Result<Unit> {
    build(package, is_modular, sha256, Source::Metadata)
}

/// The same of a package whose file was read, though not here: it says who signed it, and the digests of files.
pub(crate) fn unit_of_file(package: &Package, is_modular: bool, sha256: Option<Sha256>) -> Result<Unit> {
    build(package, is_modular, sha256, Source::File)
}

fn build(package: &Package, is_modular: bool, sha256: Option<Sha256>, source: Source) -> Result<Unit> {
    let nevra = package.nevra().map_err(|problem| Error::field("file", problem.to_string()))?;
    let path = nevra.filename();
    let relative_path: RelativePath =
        path.parse().map_err(|problem| Error::field("file", format!("`{path}` cannot be a path: {problem}")))?;
    let text = |text: &str| Value::from(text);
    let number = |number: u64| {
        let number = i64::try_from(number).map_err(|_| Error::field("file", "The package claims an impossible size."));
        number.map(Value::from)
    };
    let (signing_keys, file_digests) = match source {
        Source::File => (Value::from(json!(package.signing_keys)), Value::Bytes(pack(&digests(package))?)),
        Source::Metadata => (Value::Null, Value::Null),
    };
    let columns = vec![
        text(&package.pkgid),
        text(package.checksum_type.as_str()),
        text(&package.name),
        Value::from(package.epoch.to_string()),
        text(&package.version),
        text(&package.release),
        text(&package.arch),
        Value::from(nevra.evr.sort_key()),
        text(&package.location_href),
        text(&package.location_base),
        Value::from(package.time_build),
        Value::from(package.time_file),
        number(package.size_package)?,
        number(package.size_installed)?,
        number(package.size_archive)?,
        number(package.header_start)?,
        number(package.header_end)?,
        Value::from(is_modular),
        text(&package.sourcerpm),
        text(&package.buildhost),
        text(&package.group),
        text(&package.license),
        text(&package.packager),
        text(&package.vendor),
        text(&package.url),
        text(&package.summary),
        signing_keys,
        text(&package.description),
        Value::Bytes(pack(&Kind::Primary.render(package))?),
        Value::Bytes(pack(&Kind::Other.render(package))?),
        Value::Bytes(pack(&Kind::Filelists.render(package))?),
        file_digests,
    ];
    let repo_key = Some(nevra.to_string());
    Ok(Unit { columns, repo_key, files: vec![UnitFile { relative_path, sha256 }] })
}

fn digests(package: &Package) -> String {
    package.files.iter().map(|file| file.digest.as_deref().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// What is kept of a package in `primary_xml`: all but files and changelogs.
pub(crate) fn read_primary(packed: &[u8]) -> Result<Package> {
    let document = document(Kind::Primary, packed)?;
    let mut reader = PrimaryReader::new(document.as_bytes()).map_err(Error::internal)?;
    reader.next_package().map_err(Error::internal)?.ok_or_else(|| Error::internal("a kept package is damaged"))
}

/// The files of a package, with their digests where those are kept.
pub(crate) fn read_files(packed: &[u8], digests: Option<&[u8]>) -> Result<Vec<File>> {
    let document = document(Kind::Filelists, packed)?;
    let mut reader = FilelistsReader::new(document.as_bytes()).map_err(Error::internal)?;
    let found = reader.next_package().map_err(Error::internal)?;
    let (_, mut files) = found.ok_or_else(|| Error::internal("kept files are damaged"))?;
    if let Some(digests) = digests {
        let digests = unpack(digests)?;
        for (file, digest) in files.iter_mut().zip(digests.split('\n')) {
            file.digest = Some(digest.to_owned());
        }
    }
    Ok(files)
}

/// The changelog of a package.
pub(crate) fn read_changelogs(packed: &[u8]) -> Result<Vec<Changelog>> {
    let document = document(Kind::Other, packed)?;
    let mut reader = OtherReader::new(document.as_bytes()).map_err(Error::internal)?;
    let found = reader.next_package().map_err(Error::internal)?;
    Ok(found.ok_or_else(|| Error::internal("a kept changelog is damaged"))?.1)
}

/// A document of this package alone.
fn document(kind: Kind, packed: &[u8]) -> Result<String> {
    Ok(kind.header(1) + &unpack(packed)? + kind.footer())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Dependency, FileKind};

    fn package() -> Package {
        let file = |path: &str, digest: &str| File {
            kind: FileKind::File,
            path: path.to_owned(),
            digest: Some(digest.to_owned()),
        };
        Package {
            name: "bear".to_owned(),
            epoch: 1,
            version: "4.1".to_owned(),
            release: "1".to_owned(),
            arch: "noarch".to_owned(),
            pkgid: "a".repeat(64),
            location_href: "b/bear.rpm".to_owned(),
            requires: vec![Dependency { name: "honey".to_owned(), ..Dependency::default() }],
            files: vec![file("/usr/bin/bear", "ab"), file("/usr/share/bear", "")],
            changelogs: vec![Changelog { author: "A".to_owned(), date: 5, text: "- t".to_owned() }],
            ..Package::default()
        }
    }

    fn column<'a>(unit: &'a Unit, name: &str) -> &'a Value {
        let at = COLUMNS.iter().position(|column| *column == name).expect("a column");
        &unit.columns[at]
    }

    fn bytes<'a>(unit: &'a Unit, name: &str) -> &'a [u8] {
        match column(unit, name) {
            Value::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_are_read_from_the_elements() {
        let package = package();
        let sha256: Sha256 = "b".repeat(64).parse().expect("a digest");
        let unit = build(&package, false, Some(sha256), Source::File).expect("a unit");
        assert_eq!(unit.columns.len(), COLUMNS.len());
        assert_eq!(unit.files[0].relative_path.as_str(), "bear-4.1-1.noarch.rpm");
        assert_eq!(unit.repo_key.as_deref(), Some("bear-1:4.1-1.noarch"));
        assert_eq!(read_primary(bytes(&unit, "primary_xml")).expect("primary").requires, package.requires);
        let files = read_files(bytes(&unit, "filelists_xml"), Some(bytes(&unit, "file_digests"))).expect("files");
        assert_eq!(files, package.files);
        assert_eq!(read_changelogs(bytes(&unit, "other_xml")).expect("other"), package.changelogs);
    }

    #[test]
    fn metadata_does_not_tell_who_signed() {
        let mut package = package();
        package.files.iter_mut().for_each(|file| file.digest = None);
        let unit = unit(&package, true, None).expect("a unit");
        assert_eq!(column(&unit, "signing_keys"), &Value::Null);
        assert_eq!(column(&unit, "file_digests"), &Value::Null);
        assert_eq!(column(&unit, "is_modular"), &Value::Bool(true));
    }

    #[test]
    fn names_that_are_no_file_names_are_refused() {
        let package = Package { name: "../bear".to_owned(), ..package() };
        unit(&package, false, None).expect_err("leads out");
    }
}
