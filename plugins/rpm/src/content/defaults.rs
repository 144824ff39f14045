//! Which stream and profiles of a module count unless somebody says otherwise.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::{Errors, Resource};
use serde_json::{Map, Value as Json};

use super::{columns, given};
use crate::comps::digest;
use crate::modulemd::{Defaults, Document};
use crate::resources;

/// The type of defaults of modules.
pub(crate) const MODULEMD_DEFAULTS: &str = "rpm.modulemd_defaults";

/// Defaults as clients describe them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefaultsContent;

#[async_trait]
impl ContentType for DefaultsContent {
    fn pulp_type(&self) -> &'static str {
        MODULEMD_DEFAULTS
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "rpm_modulemd_defaults",
            columns: &["module", "stream", "profiles", "digest", "snippet"],
            natural_key: &[3],
        }
    }

    fn resource(&self) -> Resource {
        resources::defaults::modulemd_defaults()
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    fn refuses_known(&self) -> bool {
        true
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::internal("defaults of modules are not made of files"))
    }

    async fn compose(&self, given: &Map<String, Json>) -> Result<Unit> {
        let given = given.clone();
        tokio::task::spawn_blocking(move || compose(&given)).await.map_err(Error::internal)?
    }
}

/// The unit of a module's defaults, whose document is published as it is. A repository has one for each module.
pub(crate) fn unit(defaults: &Defaults, snippet: &str) -> Unit {
    let values = vec![
        columns::text(&defaults.module),
        columns::text(&defaults.stream),
        columns::json(&defaults.profiles),
        digest(snippet).into(),
        columns::text(snippet),
    ];
    Unit { columns: values, repo_key: Some(defaults.module.clone()), files: vec![] }
}

fn compose(given: &Map<String, Json>) -> Result<Unit> {
    let mut errors = Errors::default();
    let defaults = Defaults {
        module: given::text(given, "module").to_owned(),
        stream: given::text(given, "stream").to_owned(),
        profiles: given::typed(given, "profiles", "lists of profiles by the names of streams", &mut errors),
    };
    let snippet = given::snippet(given, &mut errors);
    match &snippet {
        Some((Some(Document::Defaults(_)) | None, _)) | None => {}
        Some(_) => given::wrong_kind("modulemd-defaults", &mut errors),
    }
    errors.into_result()?;
    let (_, snippet) = snippet.ok_or_else(|| Error::internal("defaults without their document"))?;
    Ok(unit(&defaults, &snippet.text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_made_of_fields() {
        let snippet = "document: modulemd-defaults\nversion: 1\ndata:\n  module: duck\n  stream: \"0\"\n";
        let given = json!({"module": "duck", "stream": "0", "profiles": {"0": ["default"]}, "snippet": snippet});
        let mut given = given.as_object().cloned().unwrap();
        let unit = compose(&given).unwrap();
        assert_eq!(unit.repo_key.as_deref(), Some("duck"));
        assert_eq!(unit.columns[4], format!("---\n{snippet}...\n").into());

        given.insert("module".into(), json!("goose"));
        assert_eq!(compose(&given).unwrap().repo_key.as_deref(), Some("goose"));

        given.insert("profiles".into(), json!(["default"]));
        given.insert("snippet".into(), json!("document: modulemd-translations\nversion: 1\n"));
        let Err(Error::InvalidBody(body)) = compose(&given) else { panic!("not refused") };
        assert!(body.get("snippet").is_some() && body.get("profiles").is_some(), "{body}");
    }
}
