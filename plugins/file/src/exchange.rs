//! Files in exports: a row has the path and the digest.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::plugin::{
    DetailKind, Exchange, ExchangedContent, ExportedUnit, Facts, ImportedUnit, RepositoryDump, Unit, UnitRow, text,
};

use crate::{PULP_TYPE, content};

pub(crate) fn exchange() -> Exchange {
    Exchange {
        repository: RepositoryDump {
            name: "pulp_file.app.modelresource.FileRepositoryResource",
            details: &[
                ("manifest", DetailKind::Text),
                ("autopublish", DetailKind::Flag),
                ("last_sync_details", DetailKind::Own),
            ],
        },
        units: vec![Arc::new(Files)],
        expected: &[],
        maps_content: false,
    }
}

struct Files;

impl ExchangedContent for Files {
    fn pulp_type(&self) -> &'static str {
        PULP_TYPE
    }

    fn dump(&self) -> &'static str {
        "pulp_file.app.modelresource.FileContentResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["relative_path", "digest"]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let (path, digest): (String, String) = (unit.get(0)?, unit.get(1)?);
        let facts: Facts =
            [("relative_path", text(Some(&path))), ("digest", text(Some(&digest)))].into_iter().collect();
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let path = unit.facts.text("relative_path").parse().map_err(|problem| format!("`relative_path`: {problem}"))?;
        let digest = unit.facts.text("digest").parse().map_err(|problem| format!("`digest`: {problem}"))?;
        Ok(content::unit(path, digest))
    }
}
