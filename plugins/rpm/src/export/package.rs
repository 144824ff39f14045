//! Packages: lists are as the API shows them.

use pith_core::error::{Error, Result};
use pith_core::plugin::{
    ExchangedContent, ExportedUnit, Facts, ImportedUnit, Unit, UnitRow, flag, json_text, number, text,
};
use serde_json::{Value as Json, json};

use super::{is_of_file, refused, size, typed};
use crate::checksum::ChecksumType;
use crate::content::package::{self, PACKAGE};
use crate::package::{Dependency, DependencyKind, Package};

const COLUMNS: &[&str] = &[
    "primary_xml",
    "other_xml",
    "filelists_xml",
    "file_digests",
    "location_href",
    "location_base",
    "is_modular",
    "signing_keys",
];

pub(super) struct Packages;

impl ExchangedContent for Packages {
    fn pulp_type(&self) -> &'static str {
        PACKAGE
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.PackageResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        COLUMNS
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let (primary, other, filelists): (Vec<u8>, Vec<u8>, Vec<u8>) = (unit.get(0)?, unit.get(1)?, unit.get(2)?);
        let digests: Option<Vec<u8>> = unit.get(3)?;
        let package = package::read_primary(&primary)?;
        let files = package::read_files(&filelists, digests.as_deref())?;
        let changelogs = package::read_changelogs(&other)?;
        let (href, base): (String, String) = (unit.get(4)?, unit.get(5)?);
        let keys: Option<Json> = unit.get(7)?;
        let list =
            |value: Result<Json, serde_json::Error>| value.map(|value| json_text(&value)).map_err(Error::internal);
        let mut facts: Facts = [
            ("name", text(Some(&package.name))),
            ("epoch", text(Some(&package.epoch.to_string()))),
            ("version", text(Some(&package.version))),
            ("release", text(Some(&package.release))),
            ("arch", text(Some(&package.arch))),
            ("pkgId", text(Some(&package.pkgid))),
            ("checksum_type", text(Some(package.checksum_type.as_str()))),
            ("summary", text(Some(&package.summary))),
            ("description", text(Some(&package.description))),
            ("url", text(Some(&package.url))),
            ("changelogs", list(serde_json::to_value(&changelogs))?),
            ("files", list(serde_json::to_value(&files))?),
        ]
        .into_iter()
        .collect();
        for (kind, dependencies) in package.dependencies() {
            facts.0.insert(kind.as_str().to_owned(), list(serde_json::to_value(dependencies))?);
        }
        let whole = |value: u64| number(i64::try_from(value).ok());
        let rest: Facts = [
            ("location_base", text(Some(&base))),
            ("location_href", text(Some(&href))),
            ("rpm_buildhost", text(Some(&package.buildhost))),
            ("rpm_group", text(Some(&package.group))),
            ("rpm_license", text(Some(&package.license))),
            ("rpm_packager", text(Some(&package.packager))),
            ("rpm_sourcerpm", text(Some(&package.sourcerpm))),
            ("rpm_vendor", text(Some(&package.vendor))),
            ("rpm_header_start", whole(package.header_start)),
            ("rpm_header_end", whole(package.header_end)),
            ("size_archive", whole(package.size_archive)),
            ("size_installed", whole(package.size_installed)),
            ("size_package", whole(package.size_package)),
            ("time_build", number(Some(package.time_build))),
            ("time_file", number(Some(package.time_file))),
            ("is_modular", flag(unit.get(6)?)),
            ("signing_keys", text(Some(&joined(keys.as_ref())))),
        ]
        .into_iter()
        .collect();
        facts.0.extend(rest.0);
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let mut package = Package {
            name: facts.text("name"),
            epoch: facts.text("epoch").parse().map_err(|_| "`epoch` is no number".to_owned())?,
            version: facts.text("version"),
            release: facts.text("release"),
            arch: facts.text("arch"),
            pkgid: facts.text("pkgId"),
            checksum_type: ChecksumType::from_name(&facts.text("checksum_type"))
                .ok_or_else(|| "`checksum_type` is not known".to_owned())?,
            summary: facts.text("summary"),
            description: facts.text("description"),
            packager: facts.text("rpm_packager"),
            url: facts.text("url"),
            time_file: facts.number("time_file")?.unwrap_or(0),
            time_build: facts.number("time_build")?.unwrap_or(0),
            size_package: size(facts, "size_package")?,
            size_installed: size(facts, "size_installed")?,
            size_archive: size(facts, "size_archive")?,
            location_href: facts.text("location_href"),
            location_base: facts.text("location_base"),
            license: facts.text("rpm_license"),
            vendor: facts.text("rpm_vendor"),
            group: facts.text("rpm_group"),
            buildhost: facts.text("rpm_buildhost"),
            sourcerpm: facts.text("rpm_sourcerpm"),
            header_start: size(facts, "rpm_header_start")?,
            header_end: size(facts, "rpm_header_end")?,
            files: typed(facts, "files")?,
            changelogs: typed(facts, "changelogs")?,
            signing_keys: facts
                .text("signing_keys")
                .split(',')
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
            ..Package::default()
        };
        for kind in DependencyKind::ALL {
            *package.dependencies_mut(kind) = typed::<Vec<Dependency>>(facts, kind.as_str())?;
        }
        let sha256 = unit.files.first().and_then(|file| file.sha256.clone());
        is_of_file("pkgId", package.checksum_type, &package.pkgid, sha256.as_ref())?;
        // What was read of a file says more than what metadata tells.
        let of_file = package.files.iter().any(|file| file.digest.is_some()) || !package.signing_keys.is_empty();
        let made = match of_file {
            true => package::unit_of_file(&package, facts.flag("is_modular"), sha256),
            false => package::unit(&package, facts.flag("is_modular"), sha256),
        };
        made.map_err(refused)
    }
}

fn joined(keys: Option<&Json>) -> String {
    let keys = keys.cloned().unwrap_or(json!([]));
    let keys: Vec<String> = serde_json::from_value(keys).unwrap_or_default();
    keys.join(",")
}
