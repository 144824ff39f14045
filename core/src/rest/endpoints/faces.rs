//! The operations of native faces, for the API's description. Their requests are answered by [`crate::native`].

use actix_web::http::Method;

use super::super::routes::{BodyDoc, Content, Doc, Endpoint};
use crate::auth::policy::{Policy, Verb};
use crate::error::Error;
use crate::plugin::{FaceDoc, FaceMethod, FaceOperation};
use crate::resource::{Clause, Filter, Input, Registry};

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let mut faces: Vec<_> = registry.faces.iter().collect();
    faces.sort_unstable_by_key(|(component, _)| **component);
    let of_face = |(component, face): (&&'static str, &std::sync::Arc<dyn crate::plugin::Face>)| {
        let (component, prefix) = (*component, face.prefix());
        face.operations().into_iter().map(move |operation| endpoint(component, prefix, operation)).collect::<Vec<_>>()
    };
    faces.into_iter().flat_map(of_face).collect()
}

fn endpoint(component: &'static str, prefix: &str, operation: FaceOperation) -> Endpoint {
    let FaceDoc { tag, summary, body, answers, query, .. } = operation.doc;
    let is_read = operation.method == FaceMethod::Get;
    let parameters = operation.path.split(['{', '}']).skip(1).step_by(2);
    let answer = |(status, object): (u16, Option<(&'static str, Vec<_>)>)| {
        let content = match object {
            Some((schema, fields)) => Content::Object { schema: schema.to_owned(), fields },
            None if status == 202 => Content::Task,
            None => Content::Empty,
        };
        (status, content)
    };
    Endpoint {
        operation: operation.id.to_owned(),
        method: if is_read { Method::GET } else { Method::POST },
        path: format!("/{prefix}/{{path}}/{}", operation.path),
        resource: None,
        policy: is_read.then(Policy::open),
        verb: if is_read { Verb::Read } else { Verb::Action("modify") },
        run: |_| Box::pin(async { Err(Error::internal("a native face is not routed here")) }),
        doc: Doc {
            tag: tag.to_owned(),
            summary: summary.to_owned(),
            description: format!("{summary}."),
            body: body.map(|(schema, fields)| BodyDoc { schema: schema.to_owned(), fields }),
            answers: answers.into_iter().map(answer).collect(),
            filters: query.into_iter().map(parameter).collect(),
            selects: is_read,
            parameters: ["path"].into_iter().chain(parameters).collect(),
            component: Some(component),
            ..Doc::default()
        },
    }
}

/// A parameter, which no list is filtered by.
fn parameter((name, choices, description): (&str, &'static [&'static str], &str)) -> Filter {
    Filter::custom(name, Input::Choice(choices.to_vec()), description, |_, _| Ok(Clause::always()))
}
