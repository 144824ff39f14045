//! Which path and method run which handler. The table is made once, from the resources and the endpoints
//! written by hand; the API's description is made from the same table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;
use serde_json::Value as Json;

use super::answer::Answer;
use super::request::Request;
use super::{actions, endpoints, list, nested, openapi, write};
use crate::app::App;
use crate::auth::policy::{Policy, Verb};
use crate::error::Result;
use crate::id::Id;
use crate::metrics::{Operation as Measured, Requests};
use crate::resource::{Access, Derivation, Field, Filter, Kind, Operation, Registry, Resource};

pub type Run = fn(Request) -> LocalBoxFuture<'static, Result<Answer>>;

/// One operation of the API.
pub struct Endpoint {
    /// The operation's id: `repositories_file_file_list`.
    pub operation: String,
    pub method: Method,
    /// Below the API root; `{}` stands for an id or a number.
    pub path: String,
    pub resource: Option<usize>,
    /// Who may, where no resource says it.
    pub policy: Option<Policy>,
    pub verb: Verb,
    pub run: Run,
    pub doc: Doc,
}

/// What the API's description says of an operation.
#[derive(Default)]
pub struct Doc {
    pub tag: String,
    pub summary: String,
    pub description: String,
    pub body: Option<BodyDoc>,
    pub answers: Vec<(u16, Content)>,
    /// Query parameters beside those that all lists and reads have.
    pub filters: Vec<Filter>,
    /// The names to order by, for lists.
    pub ordering: Vec<&'static str>,
    /// Takes `fields` and `exclude_fields`.
    pub selects: bool,
    /// The name of the path parameter that stands for the href in front.
    pub href_parameter: Option<&'static str>,
    /// Concerns what lies below a repository.
    pub nested: bool,
    /// Required headers.
    pub headers: Vec<&'static str>,
    /// The names of the parameters in the path, where they are no ids.
    pub parameters: Vec<&'static str>,
    /// The component it belongs to, where no resource tells.
    pub component: Option<&'static str>,
}

/// The body of a request.
#[derive(Clone)]
pub struct BodyDoc {
    pub schema: String,
    pub fields: Vec<Field>,
}

/// The body of an answer.
#[derive(Clone)]
pub enum Content {
    Empty,
    /// `{"task": href}`
    Task,
    /// `{"task_group": href}`
    TaskGroup,
    Object {
        schema: String,
        fields: Vec<Field>,
    },
    Page {
        schema: String,
        fields: Vec<Field>,
    },
    /// Something large that describes itself, in one of these types.
    Document {
        media_types: Vec<&'static str>,
    },
    /// A schema that the description knows by this name.
    Named(&'static str),
    /// A schema written by hand.
    Other {
        schema: String,
        json: Json,
    },
}

/// All operations, found by path.
pub struct Routes {
    pub endpoints: Vec<Endpoint>,
    /// Those of native faces, which only the API's description finds here.
    pub faces: Vec<Endpoint>,
    by_path: HashMap<String, Vec<usize>>,
    /// The counts of each endpoint; those of one operation and method share them.
    requests: Vec<Arc<Requests>>,
    /// Of requests that are for none.
    lost: Arc<Requests>,
    administrators: Policy,
    /// The positions of the endpoints' access policies in the registry, where they have one.
    access_policies: Vec<Option<usize>>,
    /// Descriptions of this table that were asked for.
    pub description: openapi::Cache,
}

/// A request's place in the table.
pub struct Matched {
    pub endpoint: usize,
    pub parameters: Vec<String>,
}

/// Why there is no operation for a request.
pub enum Miss {
    /// The path exists with a slash at its end.
    Slash,
    /// Other methods are allowed.
    Method(String),
    /// A collection exists, but this is no id.
    Id,
    Path,
}

impl Miss {
    pub fn answer(self, request: &HttpRequest, path: &str) -> Answer {
        match self {
            Self::Slash => {
                let query = if request.query_string().is_empty() {
                    String::new()
                } else {
                    format!("?{}", request.query_string())
                };
                Answer::empty(301).with_header("Location", format!("{}/{query}", request.path()))
            }
            Self::Method(allow) => Answer::detail(405, &format!("Method \"{}\" not allowed.", request.method()))
                .with_header("Allow", allow),
            Self::Id => Answer::detail(404, "Not found."),
            Self::Path => {
                tracing::debug!(path, "no such path");
                Answer::no_route()
            }
        }
    }
}

impl Routes {
    pub fn new(registry: &Registry) -> Self {
        let mut endpoints = endpoints::all(registry);
        for (at, resource) in registry.resources.iter().enumerate() {
            endpoints.extend(of_resource(registry, at, resource));
        }
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            by_path.entry(endpoint.path.clone()).or_default().push(at);
        }
        let faces = endpoints::faces::endpoints(registry);
        let access_policies = endpoints.iter().map(|endpoint| access_policy(registry, endpoint)).collect();
        Self {
            requests: counts(&endpoints),
            lost: Arc::default(),
            access_policies,
            endpoints,
            faces,
            by_path,
            administrators: Policy::administrators(),
            description: openapi::Cache::default(),
        }
    }

    /// The operation for a path below the API root.
    pub fn find(&self, method: &Method, path: &str) -> std::result::Result<Matched, Miss> {
        let mut parameters = Vec::new();
        let pattern: Vec<&str> = path
            .split('/')
            .map(|segment| {
                let is_parameter = segment.parse::<Id>().is_ok()
                    || (!segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()));
                if is_parameter {
                    parameters.push(segment.to_owned());
                    "{}"
                } else if segment == "{}" {
                    // Said literally it stands for nothing.
                    "\u{0}"
                } else {
                    segment
                }
            })
            .collect();
        let pattern = pattern.join("/");
        let Some(candidates) = self.by_path.get(&pattern) else { return Err(self.miss(&pattern)) };
        match candidates.iter().find(|at| self.endpoints[**at].method == *method) {
            Some(endpoint) => Ok(Matched { endpoint: *endpoint, parameters }),
            None => {
                let allow: Vec<_> = candidates.iter().map(|at| self.endpoints[*at].method.as_str()).collect();
                Err(Miss::Method(allow.join(", ")))
            }
        }
    }

    /// The operation of an endpoint and its counts; without one, those of requests that found none.
    pub fn requests(&self, endpoint: Option<usize>) -> (&str, &Arc<Requests>) {
        match endpoint {
            Some(at) => (name_of(&self.endpoints[at]), &self.requests[at]),
            None => (NO_OPERATION, &self.lost),
        }
    }

    /// The counts of all operations.
    pub fn measured(&self) -> Vec<Measured<'_>> {
        let mut told = HashSet::new();
        let each = self.endpoints.iter().zip(&self.requests);
        let first = each.filter(|(_, requests)| told.insert(Arc::as_ptr(requests)));
        let measured = |name, method, requests| Measured { face: "api", name, method, requests };
        first
            .map(|(endpoint, requests)| measured(name_of(endpoint), endpoint.method.as_str(), &**requests))
            .chain([measured(NO_OPERATION, "any", &self.lost)])
            .collect()
    }

    fn miss(&self, pattern: &str) -> Miss {
        if self.by_path.contains_key(&format!("{pattern}/")) {
            return Miss::Slash;
        }
        let above = pattern.trim_end_matches('/').rsplit_once('/').map(|(above, _)| format!("{above}/{{}}/"));
        if above.is_some_and(|above| self.by_path.contains_key(&above)) { Miss::Id } else { Miss::Path }
    }

    /// The position in the registry of the access policy of the endpoint at this position.
    pub fn access_policy(&self, endpoint: usize) -> Option<usize> {
        self.access_policies.get(endpoint).copied().flatten()
    }

    pub fn policy<'a>(&'a self, app: &'a App, endpoint: &'a Endpoint) -> &'a Policy {
        match (&endpoint.policy, endpoint.resource) {
            (None, Some(at)) => &app.registry.resources[at].policy,
            (Some(policy), _) => policy,
            (None, None) => &self.administrators,
        }
    }
}

/// What requests are counted as that are for no operation.
const NO_OPERATION: &str = "none";

fn name_of(endpoint: &Endpoint) -> &str {
    // Pages for people have no id.
    if endpoint.operation.is_empty() { "page" } else { &endpoint.operation }
}

fn counts(endpoints: &[Endpoint]) -> Vec<Arc<Requests>> {
    let mut known: HashMap<(&str, &str), Arc<Requests>> = HashMap::new();
    let of = |endpoint| known.entry((name_of(endpoint), endpoint.method.as_str())).or_default().clone();
    endpoints.iter().map(of).collect()
}

/// The access policy of an endpoint: that of its resource, or of the collection around the last id in its path.
fn access_policy(registry: &Registry, endpoint: &Endpoint) -> Option<usize> {
    let viewset = match (&endpoint.policy, endpoint.resource) {
        (None, at) => registry.resources[at?].viewset(),
        (Some(_), _) => {
            let around: Vec<&str> = endpoint.path.splitn(3, "{}/").take(2).collect();
            around.concat().trim_end_matches('/').to_owned()
        }
    };
    registry.policies.iter().position(|policy| policy.viewset == viewset)
}

/// The operations that a resource's value asks for.
fn of_resource(registry: &Registry, at: usize, resource: &Resource) -> Vec<Endpoint> {
    let can = resource.can.iter();
    let mut endpoints: Vec<_> = can.map(|operation| of_operation(registry, at, resource, *operation)).collect();
    endpoints.extend(resource.actions.iter().map(|action| {
        Endpoint {
            operation: format!("{}_{}", resource.operations, action.name),
            method: Method::POST,
            path: format!("{}{{}}/{}/", resource.path, action.name),
            resource: Some(at),
            policy: None,
            verb: Verb::Action(action.name),
            run: actions::runner(action.run),
            doc: Doc {
                tag: resource.tag.into(),
                summary: summary(action.description),
                description: action.description.into(),
                body: (!action.schema.is_empty())
                    .then(|| BodyDoc { schema: action.schema.into(), fields: action.fields.clone() }),
                answers: actions::answers(action),
                href_parameter: Some(resource.href_parameter),
                ..Doc::default()
            },
        }
    }));
    endpoints.extend(endpoints::object_roles::of_resource(at, resource));
    endpoints.extend(resource.derivations.iter().map(|derivation| of_derivation(at, resource, derivation)));
    if resource.kind == Kind::Repository && resource.pulp_type.is_some() {
        endpoints.extend(endpoints::versions::of_repository(at, resource));
    }
    endpoints
}

fn of_derivation(at: usize, resource: &Resource, derivation: &Derivation) -> Endpoint {
    let fields = resource.shown_fields().into_iter().cloned().collect();
    Endpoint {
        operation: format!("{}_{}", resource.operations, derivation.name),
        method: Method::POST,
        path: format!("{}{}/", resource.path, derivation.name),
        resource: Some(at),
        policy: None,
        verb: Verb::Action(derivation.name),
        run: |request| Box::pin(write::create_derived(request)),
        doc: Doc {
            tag: resource.tag.into(),
            summary: summary(derivation.description),
            description: derivation.description.into(),
            body: Some(BodyDoc { schema: derivation.schema.into(), fields: derivation.fields.clone() }),
            answers: vec![(201, Content::Object { schema: format!("{}Response", resource.schema()), fields })],
            ..Doc::default()
        },
    }
}

fn of_operation(registry: &Registry, at: usize, resource: &Resource, operation: Operation) -> Endpoint {
    let object = || Content::Object {
        schema: format!("{}Response", resource.schema()),
        fields: resource.shown_fields().into_iter().cloned().collect(),
    };
    let page = || Content::Page {
        schema: format!("{}Response", resource.schema()),
        fields: resource.shown_fields().into_iter().cloned().collect(),
    };
    let body = |patched: &str| {
        let fields = resource.fields.iter().filter(|field| field.access != Access::ReadOnly).cloned().collect();
        // What is asked of an import has a name of its own; what is shown of imports looks alike.
        let schema = if resource.kind == Kind::Import { resource.model.to_owned() } else { resource.schema() };
        Some(BodyDoc { schema: format!("{patched}{schema}"), fields })
    };
    let is_task = matches!(resource.kind, Kind::Distribution | Kind::Publication | Kind::Content | Kind::Export);
    let noun = resource.noun;
    let (by_task, changed): (_, &dyn Fn() -> Vec<_>) = match resource.kind {
        Kind::ContentGuard | Kind::Importer | Kind::UpstreamPulp => ("", &|| vec![(200, object())]),
        _ => (" A change runs as a task; without one the object is answered.", &|| {
            vec![(200, object()), (202, Content::Task)]
        }),
    };
    let (name, method, verb, run, text, request, answers): (_, _, _, Run, _, _, _) = match operation {
        Operation::List => (
            "list",
            Method::GET,
            Verb::List,
            if resource.is_nested() { |r| Box::pin(nested::list(r)) } else { |r| Box::pin(list::list(r)) },
            format!("List every {noun} that matches the filters, newest first."),
            None,
            vec![(200, page())],
        ),
        Operation::Read => (
            "read",
            Method::GET,
            Verb::Read,
            if resource.is_nested() { |r| Box::pin(nested::read(r)) } else { |r| Box::pin(list::read(r)) },
            format!("Show one {noun}."),
            None,
            vec![(200, object())],
        ),
        Operation::Create => (
            "create",
            Method::POST,
            Verb::Create,
            write::creator(resource.kind),
            format!("Create a {noun}."),
            body(""),
            vec![match resource.kind {
                Kind::Import => (202, Content::TaskGroup),
                _ if is_task => (202, Content::Task),
                _ => (201, object()),
            }],
        ),
        Operation::Update => (
            "update",
            Method::PUT,
            Verb::Update,
            write::replacer(resource.kind),
            format!("Replace the settings of a {noun}.{by_task}"),
            body(""),
            changed(),
        ),
        Operation::PartialUpdate => (
            "partial_update",
            Method::PATCH,
            Verb::Update,
            write::changer(resource.kind),
            format!("Change some settings of a {noun}.{by_task}"),
            body("Patched"),
            changed(),
        ),
        Operation::Delete => (
            "delete",
            Method::DELETE,
            Verb::Delete,
            write::deleter(resource.kind),
            format!("Delete a {noun}."),
            None,
            vec![if deletes_at_once(resource.kind) { (204, Content::Empty) } else { (202, Content::Task) }],
        ),
    };
    let on_collection = matches!(operation, Operation::List | Operation::Create);
    Endpoint {
        operation: format!("{}_{name}", resource.operations),
        method,
        path: if on_collection { resource.path.to_owned() } else { format!("{}{{}}/", resource.path) },
        resource: Some(at),
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: resource.tag.into(),
            summary: summary(&text),
            description: text,
            body: request,
            answers,
            filters: if operation == Operation::List { resource.filters.clone() } else { vec![] },
            ordering: if operation == Operation::List {
                resource.ordering.iter().map(|(name, _)| *name).collect()
            } else {
                vec![]
            },
            selects: matches!(operation, Operation::List | Operation::Read),
            href_parameter: match on_collection {
                true => registry.above(resource).map(|above| above.href_parameter),
                false => Some(resource.href_parameter),
            },
            nested: resource.is_nested(),
            ..Doc::default()
        },
    }
}

/// Whether objects of the kind are deleted without a task.
fn deletes_at_once(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ContentGuard
            | Kind::Export
            | Kind::Import
            | Kind::Importer
            | Kind::Publication
            | Kind::Upload
            | Kind::UpstreamPulp
            | Kind::Part
            | Kind::VulnerabilityReport
    )
}

/// The first sentence, without its dot.
pub(super) fn summary(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}
