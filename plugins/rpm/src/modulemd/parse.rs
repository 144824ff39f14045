//! What a document of modules says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Defaults, Dependencies, Document, Modulemd, ModulemdError, Obsolete, Snippet, Streams};
use crate::text::excerpt;

/// Names, streams and contexts end here.
const MAX_NAME: usize = 255;

/// Reads a document.
///
/// Bounded are its depth, its nodes, and above all what aliases stand for, so that a document means
/// no more than it has bytes. What is not known is passed over.
pub fn parse(snippet: &Snippet) -> Result<Document, ModulemdError> {
    let Head { document, version } = yaml(snippet)?;
    match (document.as_str(), version) {
        ("modulemd", 1) => Ok(Document::Modulemd(module(snippet, yaml::<Body<Module1>>(snippet)?.data.into())?)),
        ("modulemd", 2) => Ok(Document::Modulemd(module(snippet, yaml::<Body<Module2>>(snippet)?.data.into())?)),
        ("modulemd-defaults", 1) => defaults(snippet, yaml::<Body<DefaultsData>>(snippet)?.data),
        ("modulemd-obsoletes", 1) => obsolete(snippet, yaml::<Body<ObsoleteData>>(snippet)?.data),
        ("modulemd" | "modulemd-defaults" | "modulemd-obsoletes", version) => {
            Err(invalid(snippet, format!("version {version} of `{document}` is not known")))
        }
        _ => Ok(Document::Other(document)),
    }
}

/// As [`parse`], for a document that need not be one of modules: `None` for any other YAML.
pub fn parse_any(snippet: &Snippet) -> Result<Option<Document>, ModulemdError> {
    if yaml::<Head>(snippet).is_err() && yaml::<IgnoredAny>(snippet).is_ok() {
        return Ok(None);
    }
    parse(snippet).map(Some)
}

#[derive(Deserialize)]
struct Head {
    document: String,
    version: u64,
}

#[derive(Deserialize)]
struct Body<T> {
    data: T,
}

/// What both versions have in the same form.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Module1 {
    name: String,
    stream: String,
    version: u64,
    context: Option<String>,
    arch: Option<String>,
    description: Option<String>,
    dependencies: Option<Dependencies1>,
    profiles: Option<BTreeMap<String, Packages>>,
    artifacts: Option<Packages>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Dependencies1 {
    requires: Option<BTreeMap<String, String>>,
    buildrequires: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Module2 {
    name: String,
    stream: String,
    version: u64,
    context: Option<String>,
    arch: Option<String>,
    static_context: Option<bool>,
    description: Option<String>,
    dependencies: Option<Vec<Dependencies2>>,
    profiles: Option<BTreeMap<String, Packages>>,
    artifacts: Option<Packages>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Dependencies2 {
    requires: Option<BTreeMap<String, Option<Vec<String>>>>,
    buildrequires: Option<BTreeMap<String, Option<Vec<String>>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Packages {
    rpms: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DefaultsData {
    module: String,
    stream: Option<String>,
    profiles: Option<BTreeMap<String, Option<Vec<String>>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObsoleteData {
    modified: String,
    module: String,
    stream: String,
    message: String,
    reset: Option<bool>,
    context: Option<String>,
    eol_date: Option<String>,
    obsoleted_by: Option<ObsoletedBy>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObsoletedBy {
    module: String,
    stream: String,
}

impl From<Module1> for Modulemd {
    fn from(data: Module1) -> Self {
        let streams = |given: BTreeMap<String, String>| -> Streams {
            given.into_iter().map(|(name, stream)| (name, vec![stream])).collect()
        };
        let given = data.dependencies.unwrap_or_default();
        let given = [("requires", given.requires), ("buildrequires", given.buildrequires)];
        let dependencies = kinds(given.map(|(kind, given)| (kind, given.map(streams))));
        Self {
            name: data.name,
            stream: data.stream,
            version: data.version,
            context: data.context.unwrap_or_default(),
            arch: data.arch.unwrap_or_default(),
            static_context: None,
            description: data.description.unwrap_or_default(),
            dependencies: if dependencies.is_empty() { vec![] } else { vec![Dependencies::Kinds(dependencies)] },
            profiles: profiles(data.profiles),
            artifacts: data.artifacts.and_then(|artifacts| artifacts.rpms).unwrap_or_default(),
        }
    }
}

impl From<Module2> for Modulemd {
    fn from(data: Module2) -> Self {
        let streams = |given: BTreeMap<String, Option<Vec<String>>>| -> Streams {
            given.into_iter().map(|(name, streams)| (name, streams.unwrap_or_default())).collect()
        };
        let dependencies = |given: Dependencies2| {
            let given = [("requires", given.requires), ("buildrequires", given.buildrequires)];
            Dependencies::Kinds(kinds(given.map(|(kind, given)| (kind, given.map(streams)))))
        };
        Self {
            name: data.name,
            stream: data.stream,
            version: data.version,
            context: data.context.unwrap_or_default(),
            arch: data.arch.unwrap_or_default(),
            static_context: data.static_context,
            description: data.description.unwrap_or_default(),
            dependencies: data.dependencies.unwrap_or_default().into_iter().map(dependencies).collect(),
            profiles: profiles(data.profiles),
            artifacts: data.artifacts.and_then(|artifacts| artifacts.rpms).unwrap_or_default(),
        }
    }
}

/// Those kinds that the document has.
fn kinds(given: [(&str, Option<Streams>); 2]) -> BTreeMap<String, Streams> {
    given.into_iter().filter_map(|(kind, streams)| Some((kind.to_owned(), streams?))).collect()
}

fn profiles(profiles: Option<BTreeMap<String, Packages>>) -> BTreeMap<String, Vec<String>> {
    let packages = |(name, packages): (String, Packages)| (name, packages.rpms.unwrap_or_default());
    profiles.unwrap_or_default().into_iter().map(packages).collect()
}

fn module(snippet: &Snippet, module: Modulemd) -> Result<Modulemd, ModulemdError> {
    check(snippet, "name", &module.name, true)?;
    check(snippet, "stream", &module.stream, true)?;
    check(snippet, "context", &module.context, false)?;
    check(snippet, "arch", &module.arch, false)?;
    Ok(module)
}

fn defaults(snippet: &Snippet, data: DefaultsData) -> Result<Document, ModulemdError> {
    check(snippet, "module", &data.module, true)?;
    let stream = data.stream.unwrap_or_default();
    check(snippet, "stream", &stream, false)?;
    let profiles = data.profiles.unwrap_or_default();
    let profiles = profiles.into_iter().map(|(stream, names)| (stream, names.unwrap_or_default())).collect();
    Ok(Document::Defaults(Defaults { module: data.module, stream, profiles }))
}

fn obsolete(snippet: &Snippet, data: ObsoleteData) -> Result<Document, ModulemdError> {
    check(snippet, "module", &data.module, true)?;
    check(snippet, "stream", &data.stream, true)?;
    check(snippet, "modified", &data.modified, true)?;
    if data.message.is_empty() {
        return Err(invalid(snippet, "it has no `message`"));
    }
    let by = data.obsoleted_by.unwrap_or_default();
    Ok(Document::Obsolete(Obsolete {
        modified: data.modified,
        module_name: data.module,
        module_stream: data.stream,
        message: data.message,
        override_previous: data.reset.unwrap_or(false),
        module_context: data.context.unwrap_or_default(),
        eol_date: data.eol_date.unwrap_or_default(),
        obsoleted_by_module_name: by.module,
        obsoleted_by_module_stream: by.stream,
    }))
}

fn check(snippet: &Snippet, what: &str, value: &str, required: bool) -> Result<(), ModulemdError> {
    if required && value.is_empty() {
        return Err(invalid(snippet, format!("it has no `{what}`")));
    }
    if value.len() > MAX_NAME || value.chars().any(char::is_control) {
        return Err(invalid(snippet, format!("`{}` cannot be a `{what}`", excerpt(value))));
    }
    Ok(())
}

fn yaml<T: DeserializeOwned>(snippet: &Snippet) -> Result<T, ModulemdError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_nodes: 400_000,
            max_events: 1_000_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: 4 << 20,
            max_merge_keys: 100,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 8,
        },
        // What is passed over may hold anything: `7e96446` is the name of a commit.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(&snippet.text, options)
        .map_err(|error| invalid(snippet, excerpt_long(&error.to_string())))
}

/// The messages of the parser quote the document, whose texts may be long.
fn excerpt_long(text: &str) -> String {
    text.chars().take(200).collect()
}

fn invalid(snippet: &Snippet, problem: impl Into<String>) -> ModulemdError {
    ModulemdError::Invalid { line: snippet.line, problem: problem.into() }
}
