//! Advisories, with dumps of their references, collections and the packages of those.

use std::collections::HashMap;

use pith_core::error::Result;
use pith_core::plugin::{
    ExchangedContent, ExportedUnit, Facts, ImportedUnit, PartDump, Unit, UnitRow, flag, json_text, text,
};
use serde_json::json;

use super::{refused, typed};
use crate::content::advisory::{self, ADVISORY};
use crate::updateinfo::{Advisory, AdvisoryPackage, Collection, Module, Reference};

/// The types of checksums by their numbers.
const SUM_TYPES: [&str; 8] = ["", "md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// Tells collections of one name apart. The reference does not, and passes the column over.
const POSITION: &str = "collection_position";

pub(super) struct Advisories;

fn digest(facts: &Facts) -> String {
    facts.text("digest")
}

fn record(facts: &Facts) -> String {
    facts.text("update_record")
}

/// Of `<collection>|<digest>`.
fn record_of_collection(facts: &Facts) -> String {
    let text = facts.text("update_collection");
    text.rsplit_once('|').map(|(_, digest)| digest.to_owned()).unwrap_or_default()
}

#[derive(serde::Deserialize, Default)]
struct GivenModule {
    #[serde(default)]
    name: String,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    version: serde_json::Value,
    #[serde(default)]
    context: String,
    #[serde(default)]
    arch: String,
}

impl ExchangedContent for Advisories {
    fn pulp_type(&self) -> &'static str {
        ADVISORY
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.UpdateRecordResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["snippet", "digest"]
    }

    fn parts(&self) -> &'static [PartDump] {
        &[
            PartDump { name: "pulp_rpm.app.modelresource.UpdateReferenceResource", owner: record, key: digest },
            PartDump { name: "pulp_rpm.app.modelresource.UpdateCollectionResource", owner: record, key: digest },
            PartDump {
                name: "pulp_rpm.app.modelresource.UpdateCollectionPackageResource",
                owner: record_of_collection,
                key: digest,
            },
        ]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let (snippet, digest): (String, String) = (unit.get(0)?, unit.get(1)?);
        let advisory = advisory::read(&snippet)?;
        let facts: Facts = [
            ("id", text(Some(&advisory.id))),
            ("updated_date", text(Some(&advisory.updated_date))),
            ("description", text(Some(&advisory.description))),
            ("issued_date", text(Some(&advisory.issued_date))),
            ("fromstr", text(Some(&advisory.from))),
            ("status", text(Some(&advisory.status))),
            ("title", text(Some(&advisory.title))),
            ("summary", text(Some(&advisory.summary))),
            ("version", text(Some(&advisory.version))),
            ("type", text(Some(&advisory.kind))),
            ("severity", text(Some(&advisory.severity))),
            ("solution", text(Some(&advisory.solution))),
            ("release", text(Some(&advisory.release))),
            ("rights", text(Some(&advisory.rights))),
            ("reboot_suggested", flag(advisory.reboot_suggested)),
            ("pushcount", text(Some(&advisory.pushcount))),
            ("digest", text(Some(&digest))),
        ]
        .into_iter()
        .collect();
        let mut parts: Vec<(usize, Facts)> =
            advisory.references.iter().map(|reference| (0, reference_row(reference, &digest))).collect();
        for (at, collection) in advisory.collections.iter().enumerate() {
            parts.push((1, placed(collection_row(collection, &digest), at)));
            let owner = format!("{}|{digest}", collection.name);
            parts.extend(collection.packages.iter().map(|package| (2, placed(package_row(package, &owner), at))));
        }
        Ok(ExportedUnit { facts, parts })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let rows = |at: usize| unit.parts.get(at).map(Vec::as_slice).unwrap_or_default();
        let reference = |row: &Facts| Reference {
            href: row.text("href"),
            id: row.text("ref_id"),
            kind: row.text("ref_type"),
            title: row.text("title"),
        };
        let mut collections = Vec::new();
        let mut packages: HashMap<(String, Option<String>), Vec<AdvisoryPackage>> = HashMap::new();
        for row in rows(2) {
            let key = (row.text("update_collection"), row.optional(POSITION));
            packages.entry(key).or_default().push(package(row));
        }
        for row in rows(1) {
            let owner = format!("{}|{}", row.text("name"), facts.text("digest"));
            let given: Option<GivenModule> = typed(row, "module")?;
            collections.push(Collection {
                name: row.text("name"),
                shortname: row.text("shortname"),
                module: given.map(module),
                packages: packages.remove(&(owner, row.optional(POSITION))).unwrap_or_default(),
            });
        }
        let advisory = Advisory {
            id: facts.text("id"),
            updated_date: facts.text("updated_date"),
            description: facts.text("description"),
            issued_date: facts.text("issued_date"),
            from: facts.text("fromstr"),
            status: facts.text("status"),
            title: facts.text("title"),
            summary: facts.text("summary"),
            version: facts.text("version"),
            kind: facts.text("type"),
            severity: facts.text("severity"),
            solution: facts.text("solution"),
            release: facts.text("release"),
            rights: facts.text("rights"),
            reboot_suggested: facts.flag("reboot_suggested"),
            pushcount: facts.text("pushcount"),
            references: rows(0).iter().map(reference).collect(),
            collections,
        };
        advisory::unit(&advisory).map_err(refused)
    }
}

/// With the position of the collection that the row is, or belongs to.
fn placed(mut row: Facts, collection: usize) -> Facts {
    row.0.insert(POSITION.to_owned(), text(Some(&collection.to_string())));
    row
}

fn reference_row(reference: &Reference, digest: &str) -> Facts {
    [
        ("href", text(Some(&reference.href))),
        ("ref_id", text(Some(&reference.id))),
        ("title", text(Some(&reference.title))),
        ("ref_type", text(Some(&reference.kind))),
        ("update_record", text(Some(digest))),
    ]
    .into_iter()
    .collect()
}

fn collection_row(collection: &Collection, digest: &str) -> Facts {
    let module = collection.module.as_ref().map(|module| {
        json!({
            "arch": module.arch, "name": module.name, "stream": module.stream, "context": module.context,
            "version": module.version,
        })
    });
    [
        ("name", text(Some(&collection.name))),
        ("shortname", text(Some(&collection.shortname))),
        ("module", json_text(&module.unwrap_or_default())),
        ("update_record", text(Some(digest))),
    ]
    .into_iter()
    .collect()
}

fn package_row(package: &AdvisoryPackage, owner: &str) -> Facts {
    let sum_type = SUM_TYPES.iter().position(|name| *name == package.sum_type).unwrap_or(0);
    [
        ("arch", text(Some(&package.arch))),
        ("epoch", text(Some(&package.epoch))),
        ("filename", text(Some(&package.filename))),
        ("name", text(Some(&package.name))),
        ("reboot_suggested", flag(package.reboot_suggested)),
        ("relogin_suggested", flag(package.relogin_suggested)),
        ("restart_suggested", flag(package.restart_suggested)),
        ("release", text(Some(&package.release))),
        ("src", text(Some(&package.src))),
        ("sum", text(Some(&package.sum))),
        ("sum_type", text(Some(&sum_type.to_string()))),
        ("version", text(Some(&package.version))),
        ("update_collection", text(Some(owner))),
    ]
    .into_iter()
    .collect()
}

fn package(row: &Facts) -> AdvisoryPackage {
    let sum_type: usize = row.text("sum_type").parse().unwrap_or(0);
    AdvisoryPackage {
        name: row.text("name"),
        epoch: row.text("epoch"),
        version: row.text("version"),
        release: row.text("release"),
        arch: row.text("arch"),
        src: row.text("src"),
        filename: row.text("filename"),
        sum: row.text("sum"),
        sum_type: SUM_TYPES.get(sum_type).copied().unwrap_or_default().to_owned(),
        reboot_suggested: row.flag("reboot_suggested"),
        restart_suggested: row.flag("restart_suggested"),
        relogin_suggested: row.flag("relogin_suggested"),
    }
}

fn module(given: GivenModule) -> Module {
    let version = given.version.as_u64().or_else(|| given.version.as_str()?.parse().ok());
    Module {
        name: given.name,
        stream: given.stream,
        version: version.unwrap_or(0),
        context: given.context,
        arch: given.arch,
    }
}
