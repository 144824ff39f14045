//! Trees, with dumps of what they consist of, and metadata that is carried along.

use std::collections::{BTreeSet, HashMap};

use pith_core::error::Result;
use pith_core::id::{Id, Sha256};
use pith_core::plugin::{
    ExchangedContent, ExportedUnit, Facts, ImportedUnit, PartDump, Unit, UnitRow, Value, flag, number, text,
};
use serde_json::{Map, Value as Json};

use super::{is_of_file, refused};
use crate::checksum::Checksum;
use crate::content::{metadata_file, tree};

pub(super) struct MetadataFiles;

impl ExchangedContent for MetadataFiles {
    fn pulp_type(&self) -> &'static str {
        metadata_file::REPO_METADATA_FILE
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.RepoMetadataFileResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        metadata_file::CONTENT.table.columns
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let mut facts = Facts::default();
        for (at, name) in self.columns().iter().enumerate() {
            facts.0.insert((*name).to_owned(), text(Some(&unit.get::<String>(at)?)));
        }
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let checksum = Checksum::parse(&facts.text("checksum_type"), &facts.text("checksum"));
        let checksum = checksum.map_err(|problem| format!("`checksum`: {problem}"))?;
        let sha256 = unit.files.first().and_then(|file| file.sha256.clone());
        is_of_file("checksum", checksum.kind(), checksum.value(), sha256.as_ref())?;
        let made = metadata_file::unit(&facts.text("data_type"), &checksum, &facts.text("relative_path"), sha256);
        made.map_err(refused)
    }
}

pub(super) struct Trees;

/// What the file that describes a tree is called.
const DESCRIPTIONS: [&str; 2] = [".treeinfo", "treeinfo"];
/// The columns of a tree that hold lists, with the names of their members, in the order of the dumps.
const LISTS: [(&str, &[&str]); 4] = [
    ("checksums", &["path", "checksum"]),
    ("images", &["name", "path", "platforms"]),
    ("addons", &["addon_id", "uid", "name", "type", "packages", "repository"]),
    (
        "variants",
        &[
            "variant_id",
            "uid",
            "name",
            "type",
            "packages",
            "source_packages",
            "source_repository",
            "debug_packages",
            "debug_repository",
            "identity",
            "repository",
        ],
    ),
];
/// Members that are null where they are not said.
const NULLABLE: [&str; 5] = ["source_packages", "source_repository", "debug_packages", "debug_repository", "identity"];
/// The position of the dump of hidden repositories, one for each folder of packages. Readers of the reference want one
/// for every addon; here they are always empty.
const HIDDEN: usize = 4;
/// Stands for a folder that is outside of the tree.
const OUTSIDE: &str = "../";

fn owner(facts: &Facts) -> String {
    facts.text("distribution_tree")
}

fn key(facts: &Facts) -> String {
    facts.text("upstream_id")
}

impl ExchangedContent for Trees {
    fn pulp_type(&self) -> &'static str {
        tree::DISTRIBUTION_TREE
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.DistributionTreeResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        tree::CONTENT.table.columns
    }

    fn parts(&self) -> &'static [PartDump] {
        &[
            PartDump { name: "pulp_rpm.app.modelresource.ChecksumResource", owner, key },
            PartDump { name: "pulp_rpm.app.modelresource.ImageResource", owner, key },
            PartDump { name: "pulp_rpm.app.modelresource.AddonResource", owner, key },
            PartDump { name: "pulp_rpm.app.modelresource.VariantResource", owner, key },
            PartDump { name: super::HIDDEN_REPOSITORIES, owner, key },
        ]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let (mut facts, mut parts) = (Facts::default(), Vec::new());
        let mut hidden = BTreeSet::new();
        let digest: String = unit.get(self.columns().len() - 1)?;
        for (at, name) in self.columns().iter().enumerate() {
            if let Some(part) = LISTS.iter().position(|(list, _)| list == name) {
                let items: Vec<Json> = unit.get::<Json>(at)?.as_array().cloned().unwrap_or_default();
                for item in &items {
                    let mut row = part_row(item, LISTS[part].1, &unit.id.to_string());
                    if *name == "addons" {
                        let repository = repository_name(&digest, unit.id);
                        row.0.insert("repository".to_owned(), text(Some(&repository)));
                        hidden.insert(repository);
                    }
                    parts.push((part, row));
                }
                continue;
            }
            let value = match *name {
                "release_is_layered" => flag(unit.get(at)?),
                "build_timestamp" => text(Some(&format!("{:.1}", unit.get::<i64>(at)? as f64))),
                "discnum" | "totaldiscs" => number(unit.get(at)?),
                _ => text(unit.get::<Option<String>>(at)?.as_deref()),
            };
            facts.0.insert((*name).to_owned(), value);
        }
        parts.extend(hidden.iter().map(|name| (HIDDEN, hidden_row(name))));
        Ok(ExportedUnit { facts, parts })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        check_files(unit)?;
        // The digest of a tree stands for its description and for what its variants hold, which is not imported.
        let described = unit.files.iter().find(|file| DESCRIPTIONS.contains(&file.relative_path.as_str()));
        let digest = described.and_then(|file| file.sha256.clone());
        let digest = digest.ok_or_else(|| "the export does not say which artifact describes it".to_owned())?;
        let mut columns = Vec::with_capacity(self.columns().len());
        for name in self.columns() {
            let value = if let Some(part) = LISTS.iter().position(|(list, _)| list == name) {
                let rows = unit.parts.get(part).map(Vec::as_slice).unwrap_or_default();
                Value::Json(rows.iter().map(|row| item(row, LISTS[part].1)).collect())
            } else {
                match *name {
                    "release_is_layered" => facts.flag(name).into(),
                    "build_timestamp" => timestamp(&facts.text(name))?.into(),
                    "discnum" | "totaldiscs" => facts.number(name)?.into(),
                    "digest" => (&digest).into(),
                    "header_version" | "release_name" | "release_short" | "release_version" | "arch" => {
                        facts.text(name).into()
                    }
                    _ => facts.optional(name).into(),
                }
            };
            columns.push(value);
        }
        Ok(Unit { columns, repo_key: Some(tree::ONLY.to_owned()), files: unit.files.clone() })
    }
}

/// The files of a tree are what its checksums say.
fn check_files(unit: &ImportedUnit) -> Result<(), String> {
    let files: HashMap<&str, &Sha256> =
        unit.files.iter().filter_map(|file| Some((file.relative_path.as_str(), file.sha256.as_ref()?))).collect();
    for row in unit.parts.first().map(Vec::as_slice).unwrap_or_default() {
        let (path, checksum) = (row.text("path"), row.text("checksum"));
        let Some(sha256) = files.get(path.as_str()) else { continue };
        let (kind, value) = checksum.split_once(':').unwrap_or_default();
        let checksum =
            Checksum::parse(kind, value).map_err(|problem| format!("the checksum of `{path}`: {problem}"))?;
        is_of_file(&format!("checksum of `{path}`"), checksum.kind(), checksum.value(), Some(sha256))?;
    }
    Ok(())
}

fn timestamp(text: &str) -> Result<i64, String> {
    let seconds: f64 = text.parse().map_err(|_| "`build_timestamp` is no number".to_owned())?;
    if seconds.is_finite() { Ok(seconds as i64) } else { Err("`build_timestamp` is no number".to_owned()) }
}

fn part_row(item: &Json, names: &[&'static str], tree: &str) -> Facts {
    let mut facts: Facts = names.iter().map(|name| (*name, text(item.get(name).and_then(Json::as_str)))).collect();
    facts.0.insert("distribution_tree".to_owned(), text(Some(tree)));
    facts
}

/// What the hidden repository of an addon is called. It is named as one that lies outside of the tree: its packages are
/// not exported.
fn repository_name(digest: &str, tree: Id) -> String {
    format!("{OUTSIDE}-{digest}-{tree}")
}

fn hidden_row(name: &str) -> Facts {
    let facts = [
        ("name", text(Some(name))),
        ("pulp_type", text(Some("rpm.rpm"))),
        ("description", text(None)),
        ("user_hidden", flag(true)),
    ];
    facts.into_iter().collect()
}

/// A variant or an addon, without the name of its hidden repository, which nothing is imported of.
fn item(row: &Facts, names: &[&'static str]) -> Json {
    let mut item = Map::new();
    for name in names.iter().filter(|name| **name != "repository") {
        let value = row.text(name);
        let is_null = value.is_empty() && NULLABLE.contains(name);
        item.insert((*name).to_owned(), if is_null { Json::Null } else { Json::String(value) });
    }
    Json::Object(item)
}
