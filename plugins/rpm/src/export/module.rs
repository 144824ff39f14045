//! Modules, their defaults and obsoletes. The documents go along as they are.

use pith_core::error::Result;
use pith_core::plugin::{ExchangedContent, ExportedUnit, Facts, ImportedUnit, Unit, UnitRow, json_text, text};
use serde_json::Value as Json;

use super::typed;
use crate::content::{defaults, modulemd, obsolete};
use crate::modulemd::{Defaults, Modulemd, Obsolete, Snippets};

fn optional(unit: &UnitRow, at: usize) -> Result<Json> {
    Ok(text(unit.get::<Option<String>>(at)?.as_deref()))
}

fn list(unit: &UnitRow, at: usize) -> Result<Json> {
    Ok(json_text(&unit.get::<Option<Json>>(at)?.unwrap_or_default()))
}

/// The document with the marks at its ends, as it is published.
fn document(facts: &Facts) -> Result<String, String> {
    let text = facts.text("snippet");
    let found = Snippets::new(text.as_bytes()).next_snippet().map_err(|problem| format!("`snippet`: {problem}"))?;
    found.map(|snippet| snippet.text).ok_or_else(|| "`snippet` is empty".to_owned())
}

pub(super) struct Modules;

impl ExchangedContent for Modules {
    fn pulp_type(&self) -> &'static str {
        modulemd::MODULEMD
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.ModulemdResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "name",
            "stream",
            "version",
            "context",
            "arch",
            "static_context",
            "dependencies",
            "artifacts",
            "profiles",
            "description",
            "digest",
            "snippet",
        ]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let fixed = unit.get::<Option<bool>>(5)?.map(|fixed| if fixed { "1" } else { "0" });
        let facts: Facts = [
            ("name", optional(unit, 0)?),
            ("stream", optional(unit, 1)?),
            ("version", optional(unit, 2)?),
            ("context", optional(unit, 3)?),
            ("arch", optional(unit, 4)?),
            ("static_context", text(fixed)),
            ("dependencies", list(unit, 6)?),
            ("artifacts", list(unit, 7)?),
            // Which packages of the repository these are is for the importer to find.
            ("package_ids", text(None)),
            ("profiles", list(unit, 8)?),
            ("description", optional(unit, 9)?),
            ("digest", optional(unit, 10)?),
            ("snippet", optional(unit, 11)?),
        ]
        .into_iter()
        .collect();
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let module = Modulemd {
            name: facts.text("name"),
            stream: facts.text("stream"),
            version: 0,
            context: facts.text("context"),
            arch: facts.text("arch"),
            static_context: facts.optional("static_context").map(|_| facts.flag("static_context")),
            description: facts.text("description"),
            dependencies: typed(facts, "dependencies")?,
            profiles: typed(facts, "profiles")?,
            artifacts: typed(facts, "artifacts")?,
        };
        Ok(modulemd::unit_of_version(&module, &facts.text("version"), &document(facts)?))
    }
}

pub(super) struct ModuleDefaults;

impl ExchangedContent for ModuleDefaults {
    fn pulp_type(&self) -> &'static str {
        defaults::MODULEMD_DEFAULTS
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.ModulemdDefaultsResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["module", "stream", "profiles", "digest", "snippet"]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let facts: Facts = [
            ("module", optional(unit, 0)?),
            ("stream", optional(unit, 1)?),
            ("profiles", list(unit, 2)?),
            ("digest", optional(unit, 3)?),
            ("snippet", optional(unit, 4)?),
        ]
        .into_iter()
        .collect();
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let read = Defaults {
            module: facts.text("module"),
            stream: facts.text("stream"),
            profiles: typed(facts, "profiles")?,
        };
        Ok(defaults::unit(&read, &document(facts)?))
    }
}

/// The reference has no dump of these: exports made here have one, which it passes over.
pub(super) struct ModuleObsoletes;

const OBSOLETE: &[&str] = &[
    "modified",
    "module_name",
    "module_stream",
    "message",
    "override_previous",
    "module_context",
    "eol_date",
    "obsoleted_by_module_name",
    "obsoleted_by_module_stream",
    "digest",
    "snippet",
];

impl ExchangedContent for ModuleObsoletes {
    fn pulp_type(&self) -> &'static str {
        obsolete::MODULEMD_OBSOLETE
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.ModulemdObsoleteResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        OBSOLETE
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let mut facts = Facts::default();
        for (at, name) in OBSOLETE.iter().enumerate() {
            facts.0.insert((*name).to_owned(), optional(unit, at)?);
        }
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        let read = Obsolete {
            modified: facts.text("modified"),
            module_name: facts.text("module_name"),
            module_stream: facts.text("module_stream"),
            message: facts.text("message"),
            override_previous: facts.flag("override_previous"),
            module_context: facts.text("module_context"),
            eol_date: facts.text("eol_date"),
            obsoleted_by_module_name: facts.text("obsoleted_by_module_name"),
            obsoleted_by_module_stream: facts.text("obsoleted_by_module_stream"),
        };
        Ok(obsolete::unit(&read, &document(facts)?))
    }
}
