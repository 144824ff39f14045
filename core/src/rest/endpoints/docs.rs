//! The API's description, for programs and for people. Open to everybody.

use std::collections::BTreeSet;

use actix_web::http::Method;

use super::super::answer::Answer;
use super::super::openapi::{Form, Options, Subject};
use super::super::request::Request;
use super::super::routes::{Content, Doc, Endpoint, Run, summary};
use crate::auth::policy::{Policy, Verb};
use crate::error::Result;
use crate::resource::{Clause, Filter, Input};

const JSON: [&str; 2] = ["application/json", "application/vnd.oai.openapi+json"];
const YAML: [&str; 2] = ["application/yaml", "application/vnd.oai.openapi"];

pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = |operation: &str, path: &str, tag: &str, run: Run, text: &str, answers| Endpoint {
        operation: operation.into(),
        method: Method::GET,
        path: path.into(),
        resource: None,
        policy: Some(Policy::open()),
        verb: Verb::Read,
        run,
        doc: Doc {
            tag: tag.into(),
            summary: summary(text),
            description: text.into(),
            answers,
            filters: parameters(),
            ..Doc::default()
        },
    };
    let document = |media_types| vec![(200, Content::Document { media_types })];
    vec![
        endpoint(
            "docs_api.json_get",
            "docs/api.json",
            "Docs: Api.Json",
            |request| Box::pin(json(request)),
            "This description as JSON.",
            document(JSON.to_vec()),
        ),
        endpoint(
            "docs_api.yaml_get",
            "docs/api.yaml",
            "Docs: Api.Yaml",
            |request| Box::pin(yaml(request)),
            "This description as YAML.",
            document(YAML.to_vec()),
        ),
        endpoint("", "docs/", "", |request| Box::pin(page(request)), "", vec![]),
    ]
}

/// What the query may say; [`options`] reads it.
fn parameters() -> Vec<Filter> {
    let parameter = |name, input, text| Filter::custom(name, input, text, |_, _| Ok(Clause::always()));
    vec![
        parameter("component", Input::TextList, "Describe these components only."),
        parameter(
            "bindings",
            Input::Boolean,
            "Given at all: operation ids as generators of client libraries want them.",
        ),
        parameter("pk_path", Input::Boolean, "Given at all: paths have ids in them and are no hrefs."),
        parameter("include_html", Input::Boolean, "Changes nothing: no text has HTML in it."),
        parameter("lang", Input::Text, "Changes nothing: there is one language."),
        parameter("fields", Input::TextList, "Changes nothing: a description is whole."),
        parameter("exclude_fields", Input::TextList, "Changes nothing: a description is whole."),
    ]
}

/// What the query asks for, or the answer that says what is wrong with it.
fn options(request: &Request, subject: &Subject<'_>) -> std::result::Result<Options, Answer> {
    let has = |name: &str| request.query.iter().any(|(key, _)| key == name);
    if has("plugin") {
        return Err(Answer::detail(400, "'plugin' has been removed. Use 'component' instead."));
    }
    let given = request.query.iter().filter(|(key, _)| key == "component").flat_map(|(_, value)| value.split(','));
    let components: BTreeSet<String> = given.map(|name| name.trim().to_owned()).collect();
    let known = subject.components();
    if components.iter().any(|name| !known.contains_key(name.as_str())) {
        return Err(Answer::detail(400, "Invalid component specified."));
    }
    let components = Some(components).filter(|components| !components.is_empty());
    Ok(Options { bindings: has("bindings"), pk_path: has("pk_path"), components })
}

fn described(request: &Request, form: Form, content_type: &'static str) -> Result<Answer> {
    let app = &request.app;
    // It is the same for all domains, and kept once.
    let root = app.of_default_domain()?;
    let subject = Subject { registry: &app.registry, routes: &app.routes, api: &root.api };
    match options(request, &subject) {
        Ok(options) => {
            let text = app.routes.description.text(&subject, &options, form, &request.origin)?;
            Ok(Answer::text(content_type, text))
        }
        Err(answer) => Ok(answer),
    }
}

/// Whether the client names this type itself; `*/*` is none.
fn names(request: &Request, media_type: &str) -> bool {
    request.header("Accept").is_some_and(|accept| accept.contains(media_type))
}

async fn json(request: Request) -> Result<Answer> {
    let content_type = if names(&request, JSON[0]) { JSON[0] } else { JSON[1] };
    described(&request, Form::Json, content_type)
}

async fn yaml(request: Request) -> Result<Answer> {
    let content_type = if names(&request, YAML[0]) { YAML[0] } else { "application/vnd.oai.openapi; charset=utf-8" };
    described(&request, Form::Yaml, content_type)
}

async fn page(request: Request) -> Result<Answer> {
    described(&request, Form::Page, "text/html; charset=utf-8")
}
