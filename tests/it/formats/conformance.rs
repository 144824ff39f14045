//! What every format promises, checked for each: a new format adds itself to [`formats`].

use std::collections::HashSet;
use std::sync::Arc;

use pith_core::plugin::{ContentType, Digests, Inspection, Plugin};
use pith_core::resource::{Kind, Resource};
use serde_json::{Map, Value, json};

/// A format, and what a client says of a first unit of each content type that follows from that and the file's digest.
/// Types that read the file are tested with files, where the format is.
type Format = (Arc<dyn Plugin>, Vec<(&'static str, Value)>);

fn formats() -> Vec<Format> {
    let rpm =
        pith_rpm::RpmPlugin { changelog_limit: 10, resolves_advisories: false, uln_server: "http://h/".to_owned() };
    vec![
        (Arc::new(pith_python::PythonPlugin::default()), vec![]),
        (Arc::new(rpm), vec![]),
        (Arc::new(pith_file::FilePlugin), vec![("file.file", json!({"relative_path": "a/b"}))]),
        (Arc::new(pith_tiny::NotePlugin), vec![("note.note", json!({"title": "a"}))]),
    ]
}

fn resources(plugin: &dyn Plugin) -> Vec<Resource> {
    let content = plugin.content_types().into_iter().map(|content_type| content_type.resource());
    plugin.resources().into_iter().chain(content).collect()
}

#[test]
fn names_begin_with_the_format_and_belong_together() {
    for (plugin, _) in formats() {
        let mut seen = HashSet::new();
        for resource in resources(&*plugin) {
            let path = resource.path;
            assert_eq!(resource.app, plugin.name(), "{path}");
            assert!(resource.pulp_type.is_none_or(|name| name.starts_with(&format!("{}.", plugin.name()))), "{path}");
            assert!(path.ends_with('/') && !path.starts_with('/'), "{path}");
            assert_eq!(resource.operations, path.trim_end_matches('/').replace("{}/", "").replace('/', "_"));
            assert!(resource.href_parameter.ends_with("_href"), "{path}");
            assert!(
                !resource.description.is_empty() && !resource.tag.is_empty() && !resource.noun.is_empty(),
                "{path}"
            );
            assert!(seen.insert(path) && seen.insert(resource.href_parameter), "{path} is there twice");
        }
    }
}

#[test]
fn each_repository_type_has_distributions_and_each_content_type_a_collection() {
    for (plugin, _) in formats() {
        let has = |kind| resources(&*plugin).iter().any(|resource| resource.kind == kind);
        assert!(has(Kind::Repository) && has(Kind::Distribution) && has(Kind::Content), "{}", plugin.name());
        for content_type in plugin.content_types() {
            assert_eq!(content_type.resource().pulp_type, Some(content_type.pulp_type()));
        }
    }
}

#[test]
fn the_natural_key_is_a_unique_key_of_the_table() {
    for (plugin, _) in formats() {
        let schema: String = plugin.migrations().steps.iter().map(|(_, sql)| *sql).collect();
        for content_type in plugin.content_types() {
            let table = content_type.table();
            let columns: Vec<_> = table.natural_key.iter().map(|at| table.columns[*at]).collect();
            assert!(schema.contains(&format!("CREATE TABLE {} (", table.name)));
            let key = format!("UNIQUE (domain_id, {})", columns.join(", "));
            assert!(schema.contains(&key), "{} needs {key}", table.name);
        }
    }
}

#[test]
fn a_unit_follows_from_its_file_and_what_was_said_alone() {
    for (plugin, samples) in formats() {
        let types = plugin.content_types();
        for (pulp_type, given) in samples {
            let content_type = types.iter().find(|one| one.pulp_type() == pulp_type && !one.reads_file()).unwrap();
            let given = given.as_object().unwrap();
            content_type.check(given).unwrap();
            let unit = |digit: &str| inspect(&**content_type, digit, given);
            let table = content_type.table();
            assert_eq!(unit("a"), unit("a"));
            assert_eq!(unit("a").columns.len(), table.columns.len());
            assert!(!unit("a").files.is_empty());
            let key =
                |digit: &str| table.natural_key.iter().map(|at| unit(digit).columns[*at].clone()).collect::<Vec<_>>();
            assert_ne!(key("a"), key("b"), "other bytes are another unit");
            assert!(content_type.check(&Map::new()).is_err(), "`{pulp_type}` takes a unit that nothing names");
        }
    }
}

/// The unit of a file whose digest consists of this digit.
fn inspect(content_type: &dyn ContentType, digit: &str, given: &Map<String, Value>) -> pith_core::plugin::Unit {
    let (md5, sha1, sha224, sha384, sha512) = Default::default();
    let digests = Digests { md5, sha1, sha224, sha256: digit.repeat(64).parse().unwrap(), sha384, sha512 };
    let file = Inspection { path: None, file_name: None, size: 1, digests };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(content_type.inspect(&file, given)).unwrap().unit
}
