//! Packages, provenances and yanked releases in exports. Lists are JSON in JSON, as the columns that they come from are.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::id::Sha256;
use pith_core::plugin::{
    DetailKind, Exchange, ExchangedContent, ExportedUnit, Facts, ImportedUnit, RepositoryDump, Unit, UnitFile, UnitRow,
    Value, json_text, number, text,
};
use serde_json::Value as Json;

use crate::attestation::Provenance;
use crate::content::{PACKAGE, PACKAGE_COLUMNS, PROVENANCE, ProvenanceFacts, YANK, yank};

/// Columns that hold JSON.
const LISTS: [&str; 9] = [
    "license_file",
    "project_urls",
    "requires_dist",
    "requires_external",
    "provides_dist",
    "provides_extras",
    "obsoletes_dist",
    "dynamic",
    "classifiers",
];

pub(crate) fn exchange() -> Exchange {
    Exchange {
        repository: RepositoryDump {
            name: "pulp_python.app.modelresource.PythonRepositoryResource",
            details: &[
                ("autopublish", DetailKind::Flag),
                ("allow_package_substitution", DetailKind::Flag),
                ("error_on_reject", DetailKind::Flag),
            ],
        },
        units: vec![Arc::new(Packages), Arc::new(Provenances), Arc::new(Yanks)],
        expected: &[],
        maps_content: false,
    }
}

struct Packages;

impl ExchangedContent for Packages {
    fn pulp_type(&self) -> &'static str {
        PACKAGE
    }

    fn dump(&self) -> &'static str {
        "pulp_python.app.modelresource.PythonPackageContentResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        PACKAGE_COLUMNS
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let mut facts = Facts::default();
        for (at, name) in PACKAGE_COLUMNS.iter().enumerate() {
            let value = match *name {
                // Not a fact of the file.
                "upload_time" => continue,
                "size" => number(unit.get(at)?),
                name if LISTS.contains(&name) => text(Some(&Json::String(unit.get(at)?).to_string())),
                _ => text(unit.get::<Option<String>>(at)?.as_deref()),
            };
            facts.0.insert((*name).to_owned(), value);
        }
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let filename = facts.text("filename");
        let file =
            file(unit, &filename).ok_or_else(|| format!("the export does not say which artifact is `{filename}`"))?;
        let sha256 = is_of_file(facts, "sha256", &file)?;
        // Where the metadata is no file beside the package, nobody may be told that it is.
        let metadata = self::file(unit, &format!("{filename}.metadata"));
        let metadata_sha256 = metadata.as_ref().map(|file| is_of_file(facts, "metadata_sha256", file)).transpose()?;
        let mut columns = Vec::with_capacity(PACKAGE_COLUMNS.len());
        for name in PACKAGE_COLUMNS {
            columns.push(match *name {
                "upload_time" => Value::Null,
                "size" => facts.number(name)?.unwrap_or(0).into(),
                "metadata_sha256" => metadata_sha256.as_ref().into(),
                "sha256" => (&sha256).into(),
                "name_normalized" => crate::name::normalize(&facts.text("name")).into(),
                name if LISTS.contains(&name) => list(facts, name)?.into(),
                _ => facts.text(name).into(),
            });
        }
        let files = [Some(file), metadata].into_iter().flatten().collect();
        Ok(Unit { columns, repo_key: Some(filename), files })
    }
}

fn file(unit: &ImportedUnit, path: &str) -> Option<UnitFile> {
    unit.files.iter().find(|file| file.relative_path.as_str() == path).cloned()
}

/// The digest in a column. Others know the file by it, so it has to be that of the artifact: rows must not put other
/// bytes in the place of a file.
fn is_of_file(facts: &Facts, column: &str, file: &UnitFile) -> Result<Sha256, String> {
    let told: Sha256 = facts.text(column).parse().map_err(|problem| format!("`{column}`: {problem}"))?;
    if file.sha256.as_ref() == Some(&told) {
        return Ok(told);
    }
    Err(format!("`{column}` is not the digest of the artifact at `{}`", file.relative_path))
}

/// The reference has no dump of these, nor of yanked releases: exports made here have them, and it passes them over.
struct Provenances;

impl ExchangedContent for Provenances {
    fn pulp_type(&self) -> &'static str {
        PROVENANCE
    }

    fn dump(&self) -> &'static str {
        "pulp_python.app.modelresource.PackageProvenanceResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["package_sha256", "filename", "name_normalized", "provenance"]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let facts: Facts = [
            ("package_sha256", text(Some(&unit.get::<String>(0)?))),
            ("filename", text(Some(&unit.get::<String>(1)?))),
            ("name_normalized", text(Some(&unit.get::<String>(2)?))),
            ("provenance", json_text(&unit.get::<Json>(3)?)),
        ]
        .into_iter()
        .collect();
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let provenance =
            Provenance::parse(&facts.json("provenance")?).map_err(|problem| format!("`provenance`: {problem}"))?;
        let package_sha256 =
            facts.text("package_sha256").parse().map_err(|problem| format!("`package_sha256`: {problem}"))?;
        let (filename, project) = (facts.text("filename"), facts.text("name_normalized"));
        Ok(ProvenanceFacts { package_sha256, filename, project, provenance: provenance.to_json().clone() }.unit())
    }
}

struct Yanks;

impl ExchangedContent for Yanks {
    fn pulp_type(&self) -> &'static str {
        YANK
    }

    fn dump(&self) -> &'static str {
        "pulp_python.app.modelresource.PythonYankResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["name_normalized", "version", "yanked_reason"]
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
        let name = crate::name::normalize(&facts.text("name_normalized"));
        Ok(yank(&name, &facts.text("version"), &facts.text("yanked_reason")))
    }
}

/// The text of a column that holds JSON.
fn list(facts: &Facts, name: &str) -> Result<String, String> {
    let empty = if name == "project_urls" { "{}" } else { "[]" };
    match facts.json(name)? {
        Json::Null => Ok(empty.to_owned()),
        Json::String(text) if text == "null" || text.is_empty() => Ok(empty.to_owned()),
        Json::String(text) => {
            serde_json::from_str::<Json>(&text).map_err(|_| format!("`{name}` holds no JSON"))?;
            Ok(text)
        }
        other => Ok(crate::content::python_json(&other)),
    }
}
