//! Modules, each in one stream, version, context and architecture.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::{Errors, Resource};
use serde_json::{Map, Value as Json};

use super::{columns, given};
use crate::comps::digest;
use crate::modulemd::{Dependencies, Document, Modulemd};
use crate::resources;

/// The type of modules.
pub(crate) const MODULEMD: &str = "rpm.modulemd";

/// Modules as clients describe them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModulemdContent;

#[async_trait]
impl ContentType for ModulemdContent {
    fn pulp_type(&self) -> &'static str {
        MODULEMD
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "rpm_modulemd",
            columns: &[
                "name",
                "stream",
                "version",
                "context",
                "arch",
                "static_context",
                "description",
                "artifacts",
                "dependencies",
                "profiles",
                "digest",
                "snippet",
            ],
            natural_key: &[10],
        }
    }

    fn resource(&self) -> Resource {
        resources::modulemd::modulemds()
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    fn refuses_known(&self) -> bool {
        true
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::internal("modules are not made of files"))
    }

    async fn compose(&self, given: &Map<String, Json>) -> Result<Unit> {
        let given = given.clone();
        tokio::task::spawn_blocking(move || compose(&given)).await.map_err(Error::internal)?
    }
}

/// The unit of a module, whose document is published as it is. A repository has one of each name, stream, version,
/// context and architecture.
pub(crate) fn unit(module: &Modulemd, snippet: &str) -> Unit {
    unit_of_version(module, &module.version.to_string(), snippet)
}

/// Of a version that clients say, which may be any text.
pub(crate) fn unit_of_version(module: &Modulemd, version: &str, snippet: &str) -> Unit {
    let Modulemd { name, stream, context, arch, .. } = module;
    let values = vec![
        columns::text(&module.name),
        columns::text(&module.stream),
        columns::text(version),
        columns::text(&module.context),
        columns::text(&module.arch),
        module.static_context.into(),
        columns::text(&module.description),
        columns::json(&module.artifacts),
        columns::json(&module.dependencies),
        columns::json(&module.profiles),
        digest(snippet).into(),
        columns::text(snippet),
    ];
    let nsvca = format!("{name}:{stream}:{version}:{context}:{arch}");
    Unit { columns: values, repo_key: Some(nsvca), files: vec![] }
}

fn compose(given: &Map<String, Json>) -> Result<Unit> {
    let mut errors = Errors::default();
    let mut module = Modulemd {
        name: given::text(given, "name").to_owned(),
        stream: given::text(given, "stream").to_owned(),
        version: 0,
        context: given::text(given, "context").to_owned(),
        arch: given::text(given, "arch").to_owned(),
        static_context: given.get("static_context").and_then(Json::as_bool),
        description: given::text(given, "description").to_owned(),
        dependencies: dependencies(given, &mut errors),
        profiles: given::typed(given, "profiles", "lists of packages by the names of profiles", &mut errors),
        artifacts: given::typed(given, "artifacts", "a list of the full names of packages", &mut errors),
    };
    let snippet = given::snippet(given, &mut errors);
    match &snippet {
        Some((Some(Document::Modulemd(said)), _)) => {
            module.static_context = module.static_context.or(said.static_context);
        }
        Some((None, _)) | None => {}
        Some(_) => given::wrong_kind("modulemd", &mut errors),
    }
    errors.into_result()?;
    let (_, snippet) = snippet.ok_or_else(|| Error::internal("a module without its document"))?;
    Ok(unit_of_version(&module, given::text(given, "version"), &snippet.text))
}

fn dependencies(given: &Map<String, Json>, errors: &mut Errors) -> Vec<Dependencies> {
    let expected = "a list of objects that give the streams of each module";
    match given.get("dependencies") {
        // One alternative alone does as well.
        Some(Json::Object(_)) => {
            given::typed::<Option<_>>(given, "dependencies", expected, errors).into_iter().collect()
        }
        _ => given::typed(given, "dependencies", expected, errors),
    }
}

#[cfg(test)]
mod tests {
    use pith_core::plugin::Value;
    use serde_json::json;

    use super::*;

    const SNIPPET: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: duck\n  stream: \"0\"\n  version: 7\n  \
                           context: deadbeef\n  arch: noarch\n  static_context: true\n...\n";

    fn given() -> Map<String, Json> {
        let given = json!({
            "name": "duck", "stream": "0", "version": "7", "context": "deadbeef", "arch": "noarch",
            "artifacts": ["duck-0:0.6-1.noarch"], "dependencies": [{"platform": ["f33"]}],
            "profiles": {"default": ["duck"]}, "description": "A duck.", "snippet": SNIPPET,
        });
        given.as_object().cloned().unwrap()
    }

    #[test]
    fn a_module_is_made_of_fields() {
        let unit = compose(&given()).unwrap();
        assert_eq!(unit.repo_key.as_deref(), Some("duck:0:7:deadbeef:noarch"));
        assert_eq!(unit.columns.len(), ModulemdContent.table().columns.len());
        assert_eq!(unit.columns[5], Value::Bool(true));
        assert_eq!(unit.columns[7], Value::Json(json!(["duck-0:0.6-1.noarch"])));
        assert_eq!(unit.columns[11], Value::from(SNIPPET));
    }

    #[test]
    fn forms_say_lists_as_json() {
        let mut form = given();
        form.insert("artifacts".into(), json!("[\"duck-0:0.6-1.noarch\"]"));
        form.insert("dependencies".into(), json!({"platform": []}));
        assert_eq!(compose(&form).unwrap().columns[7], compose(&given()).unwrap().columns[7]);
    }

    #[test]
    fn what_the_fields_say_is_believed() {
        let mut other = given();
        for (field, value) in [("name", json!("goose")), ("version", json!("new")), ("profiles", json!([]))] {
            other.insert(field.into(), value);
        }
        assert_eq!(compose(&other).unwrap().repo_key.as_deref(), Some("goose:0:new:deadbeef:noarch"));
        other.insert("snippet".into(), json!("honk"));
        let unit = compose(&other).unwrap();
        assert_eq!((&unit.columns[5], &unit.columns[11]), (&Value::Null, &Value::from("---\nhonk\n...\n")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (field, value, named) in [
            ("artifacts", json!({"a": 1}), "artifacts"),
            ("artifacts", json!("no JSON"), "artifacts"),
            ("profiles", json!(["a"]), "profiles"),
            ("dependencies", json!([["a"]]), "dependencies"),
            ("snippet", json!("a: [b"), "snippet"),
            ("snippet", json!(SNIPPET.replace("version: 7", "version: new")), "snippet"),
            ("snippet", json!(format!("{SNIPPET}{SNIPPET}")), "snippet"),
            ("snippet", json!(SNIPPET.replace("modulemd", "modulemd-translations")), "snippet"),
        ] {
            let mut changed = given();
            changed.insert(field.into(), value.clone());
            let error = compose(&changed).expect_err(field);
            let Error::InvalidBody(body) = error else { panic!("{error}") };
            assert!(body.get(named).is_some(), "{field} {value}: {body}");
        }
    }
}
