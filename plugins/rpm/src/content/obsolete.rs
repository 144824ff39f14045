//! That a stream of a module has come to its end.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit, Value};
use pith_core::resource::{Errors, Resource};
use serde_json::{Map, Value as Json};

use super::{columns, given};
use crate::comps::digest;
use crate::modulemd::{Document, Obsolete};
use crate::resources;

/// The type of obsoletes of modules.
pub(crate) const MODULEMD_OBSOLETE: &str = "rpm.modulemd_obsolete";

/// Obsoletes as clients describe them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObsoleteContent;

#[async_trait]
impl ContentType for ObsoleteContent {
    fn pulp_type(&self) -> &'static str {
        MODULEMD_OBSOLETE
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "rpm_modulemd_obsolete",
            columns: &[
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
            ],
            natural_key: &[9],
        }
    }

    fn resource(&self) -> Resource {
        resources::obsolete::modulemd_obsoletes()
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    fn refuses_known(&self) -> bool {
        true
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::internal("obsoletes of modules are not made of files"))
    }

    async fn compose(&self, given: &Map<String, Json>) -> Result<Unit> {
        let given = given.clone();
        tokio::task::spawn_blocking(move || compose(&given)).await.map_err(Error::internal)?
    }
}

/// The unit of an obsolete, whose document is published as it is. A repository may have many for one module.
pub(crate) fn unit(obsolete: &Obsolete, snippet: &str) -> Unit {
    let values = vec![
        columns::text(&obsolete.modified),
        columns::text(&obsolete.module_name),
        columns::text(&obsolete.module_stream),
        columns::text(&obsolete.message),
        // As Python spells it, which clients of Pulp get.
        if obsolete.override_previous { "True".into() } else { Value::Null },
        columns::optional(&obsolete.module_context),
        columns::optional(&obsolete.eol_date),
        columns::optional(&obsolete.obsoleted_by_module_name),
        columns::optional(&obsolete.obsoleted_by_module_stream),
        digest(snippet).into(),
        columns::text(snippet),
    ];
    Unit { columns: values, repo_key: None, files: vec![] }
}

fn compose(given: &Map<String, Json>) -> Result<Unit> {
    let mut errors = Errors::default();
    let text = |name| given::text(given, name).to_owned();
    let override_previous = match text("override_previous").to_ascii_lowercase().as_str() {
        "" | "false" | "0" | "no" => false,
        "true" | "1" | "yes" => true,
        _ => {
            errors.add("override_previous", "Must be a valid boolean.");
            false
        }
    };
    let obsolete = Obsolete {
        modified: text("modified"),
        module_name: text("module_name"),
        module_stream: text("module_stream"),
        message: text("message"),
        override_previous,
        module_context: text("module_context"),
        eol_date: text("eol_date"),
        obsoleted_by_module_name: text("obsoleted_by_module_name"),
        obsoleted_by_module_stream: text("obsoleted_by_module_stream"),
    };
    let snippet = given::snippet(given, &mut errors);
    match &snippet {
        Some((Some(Document::Obsolete(_)) | None, _)) | None => {}
        Some(_) => given::wrong_kind("modulemd-obsoletes", &mut errors),
    }
    errors.into_result()?;
    let (_, snippet) = snippet.ok_or_else(|| Error::internal("an obsolete without its document"))?;
    Ok(unit(&obsolete, &snippet.text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn obsoletes_are_made_of_fields() {
        let snippet = "document: modulemd-obsoletes\nversion: 1\ndata:\n  modified: 2022-01-24T08:54Z\n  module: duck\n  \
                       stream: \"0\"\n  message: gone\n";
        let given = json!({
            "modified": "2022-01-24T08:54Z", "module_name": "duck", "module_stream": "0", "message": "gone",
            "override_previous": "True", "module_context": null, "eol_date": null, "obsoleted_by_module_name": "goose",
            "obsoleted_by_module_stream": "1", "snippet": snippet,
        });
        let mut given = given.as_object().cloned().unwrap();
        let unit = compose(&given).unwrap();
        assert_eq!(unit.columns[4..8], [Value::from("True"), Value::Null, Value::Null, Value::from("goose")]);

        given.insert("override_previous".into(), json!("perhaps"));
        given.insert("snippet".into(), json!("a: [b"));
        let Err(Error::InvalidBody(body)) = compose(&given) else { panic!("not refused") };
        assert!(body.get("override_previous").is_some() && body.get("snippet").is_some(), "{body}");
    }
}
