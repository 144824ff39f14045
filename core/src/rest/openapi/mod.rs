//! The API's description in OpenAPI 3.0, made of the table of operations that also finds the handlers.
//! pulp-cli reads it before its first request and refuses what it does not declare, so names, types and
//! parameter styles are exactly Pulp's; every text is ours.

mod cache;
mod fields;
mod named;
mod operation;
mod page;
mod parameters;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

pub use cache::{Cache, Form};

use super::routes::{Endpoint, Routes};
use crate::app::PULP_VERSION;
use crate::resource::{Api, Registry};
use schemas::Schemas;

/// What a client may ask of the description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Operation ids without the collection, as generators of client libraries want them.
    pub bindings: bool,
    /// Paths with ids in place of paths that are whole hrefs.
    pub pk_path: bool,
    /// Only the operations of these components; none means all.
    pub components: Option<BTreeSet<String>>,
}

/// What is described: the operations, and where they are.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub registry: &'a Registry,
    pub routes: &'a Routes,
    pub api: &'a Api,
}

impl Subject<'_> {
    /// The components by their versions.
    pub fn components(&self) -> BTreeMap<&'static str, &'static str> {
        let plugins = self.registry.plugins.iter().map(|plugin| (plugin.name(), plugin.version()));
        plugins.chain([("core", PULP_VERSION)]).collect()
    }

    /// Whether the paths have the names of domains in them.
    pub fn has_domains(&self) -> bool {
        !self.api.mount().is_empty()
    }

    /// The component that an operation belongs to; none for the description itself.
    fn component(&self, endpoint: &Endpoint) -> Option<&'static str> {
        match endpoint.resource {
            Some(at) => Some(self.registry.resources[at].app),
            None if endpoint.doc.component.is_some() => endpoint.doc.component,
            None => (!endpoint.path.starts_with("docs/")).then_some("core"),
        }
    }

    /// The description, for clients that reach this server at `origin`. The same subject and options always
    /// give the same document.
    pub fn document(&self, origin: &str, options: &Options) -> Json {
        let mut schemas = Schemas::new(self);
        let mut paths: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
        let mut tags = BTreeSet::new();
        for endpoint in self.described(options) {
            let described = operation::describe(self, endpoint, options, &mut schemas);
            tags.insert(endpoint.doc.tag.as_str());
            let path = operation::path(self.api, endpoint, options);
            paths.entry(path).or_default().insert(endpoint.method.as_str().to_ascii_lowercase(), described);
        }
        json!({
            "openapi": "3.0.1",
            "info": self.info(options),
            "servers": [{"url": origin}],
            "tags": tags.into_iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "paths": paths,
            "components": {
                "schemas": schemas.finish(),
                "securitySchemes": {
                    "basicAuth": {"type": "http", "scheme": "basic"},
                    "cookieAuth": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
                },
            },
        })
    }

    fn described(&self, options: &Options) -> impl Iterator<Item = &Endpoint> {
        let wanted = |endpoint: &&Endpoint| match &options.components {
            Some(components) => self.component(endpoint).is_some_and(|name| components.contains(name)),
            None => true,
        };
        // Pages for people have no operation id.
        self.routes
            .endpoints
            .iter()
            .chain(&self.routes.faces)
            .filter(|endpoint| !endpoint.operation.is_empty())
            .filter(wanted)
    }

    fn info(&self, options: &Options) -> Json {
        let mut versions = self.components();
        if let Some(components) = &options.components {
            versions.retain(|name, _| components.contains(*name));
        }
        json!({
            "title": "Pith, an artifact server with the interface of Pulp 3",
            "description": "Collects, versions and serves software packages.",
            "version": "v3",
            "license": {"name": "MIT OR Apache-2.0"},
            "contact": {"name": "The maintainers of Pith"},
            "x-pulp-app-versions": versions,
            "x-pulp-domain-enabled": self.has_domains(),
        })
    }

    /// The whole description as it is kept beside the source: sorted, and seen from a fixed place.
    pub fn printed(&self) -> String {
        let mut document = self.document("http://localhost", &Options::default());
        document.sort_all_objects();
        format!("{document:#}\n")
    }
}
