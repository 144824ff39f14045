//! Packages in exports. Lists are JSON in JSON, as the columns that they come from are.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::plugin::{
    DetailKind, Exchange, ExchangedContent, ExportedUnit, Facts, ImportedUnit, RepositoryDump, Unit, UnitRow, Value,
    number, text,
};
use serde_json::Value as Json;

use crate::content::{PACKAGE, PACKAGE_COLUMNS};

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
        units: vec![Arc::new(Packages)],
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
        let mut columns = Vec::with_capacity(PACKAGE_COLUMNS.len());
        for name in PACKAGE_COLUMNS {
            columns.push(match *name {
                "upload_time" => Value::Null,
                "size" => facts.number(name)?.unwrap_or(0).into(),
                "metadata_sha256" => facts.optional(name).into(),
                "sha256" => {
                    facts.text(name).parse::<pith_core::id::Sha256>().map_err(|problem| problem.to_string())?.into()
                }
                "name_normalized" => crate::name::normalize(&facts.text("name")).into(),
                name if LISTS.contains(&name) => list(facts, name)?.into(),
                _ => facts.text(name).into(),
            });
        }
        let filename = facts.text("filename");
        if !unit.files.iter().any(|file| file.relative_path.as_str() == filename) {
            return Err(format!("the export does not say which artifact is `{filename}`"));
        }
        Ok(Unit { columns, repo_key: Some(filename), files: unit.files.clone() })
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
