//! Modules, their defaults and obsoletes. The documents go along as they are.

use pith_core::error::Result;
use pith_core::plugin::{
    ContentType, ExchangedContent, ExportedUnit, Facts, ImportedUnit, Unit, UnitRow, flag, json_text, text,
};
use serde_json::Value as Json;

use super::typed;
use crate::content::defaults::{self, DefaultsContent};
use crate::content::modulemd::{self, ModulemdContent};
use crate::content::obsolete::{self, ObsoleteContent};
use crate::modulemd::{Defaults, Modulemd, Obsolete, Snippets};

/// What a row says of a unit: the columns by their names, lists and maps among them as JSON.
fn row(unit: &UnitRow, columns: &[&'static str]) -> Result<ExportedUnit> {
    let mut facts = Facts::default();
    for (at, name) in columns.iter().enumerate() {
        let value = match *name {
            "dependencies" | "artifacts" | "profiles" => json_text(&unit.get::<Option<Json>>(at)?.unwrap_or_default()),
            "static_context" => unit.get::<Option<bool>>(at)?.map_or_else(|| text(None), flag),
            _ => text(unit.get::<Option<String>>(at)?.as_deref()),
        };
        facts.0.insert((*name).to_owned(), value);
    }
    Ok(ExportedUnit { facts, parts: vec![] })
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
        ModulemdContent.table().columns
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let mut told = row(unit, self.columns())?;
        // Which packages of the repository these are is for the importer to find.
        told.facts.0.insert("package_ids".to_owned(), text(None));
        Ok(told)
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
        DefaultsContent.table().columns
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(unit, self.columns())
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

impl ExchangedContent for ModuleObsoletes {
    fn pulp_type(&self) -> &'static str {
        obsolete::MODULEMD_OBSOLETE
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.ModulemdObsoleteResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        ObsoleteContent.table().columns
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(unit, self.columns())
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
