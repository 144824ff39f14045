//! The operations of formats' own that concern several repositories, or none.

use actix_web::http::Method;

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::super::write::Holds;
use crate::auth::policy::{Policy, Verb};
use crate::error::{Error, Result};
use crate::ops::operands::NamedOperands;
use crate::ops::operation_task;
use crate::plugin::{FormatOperation, OperationAnswer};
use crate::resource::{Errors, Mode, Registry};
use crate::tasks;

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    registry.operations.iter().map(|(component, operation)| endpoint(component, operation)).collect()
}

fn endpoint(component: &'static str, operation: &FormatOperation) -> Endpoint {
    let answer = match operation.answer {
        OperationAnswer::Task => Content::Task,
        OperationAnswer::TaskGroup(_) => Content::TaskGroup,
    };
    Endpoint {
        operation: operation.id.to_owned(),
        method: Method::POST,
        path: operation.path.to_owned(),
        resource: None,
        // What it names decides, see below.
        policy: Some(Policy::own()),
        verb: Verb::Create,
        run: |request| Box::pin(begin(request)),
        doc: Doc {
            tag: operation.tag.to_owned(),
            summary: summary(operation.description),
            description: operation.description.to_owned(),
            body: Some(BodyDoc { schema: operation.schema.to_owned(), fields: operation.fields.clone() }),
            answers: vec![(202, answer)],
            component: Some(component),
            ..Doc::default()
        },
    }
}

/// The operation at the path, and its component.
fn asked(request: &Request) -> Result<(&'static str, FormatOperation)> {
    let path = request.app.api.path_of(&request.path).unwrap_or_default();
    let mut all = request.app.registry.operations.iter();
    let found = all.find(|(_, operation)| operation.path == path).cloned();
    found.ok_or_else(|| Error::internal("no operation at this path"))
}

async fn begin(mut request: Request) -> Result<Answer> {
    let (component, operation) = asked(&request)?;
    let input = request.input(&operation.fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&operation.fields, &input.fields, &mut errors);
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let prepared = request.app.db.read(move |conn| {
        let scope = viewpoint.scope(&app);
        let (mut operands, mut unprepared) = (NamedOperands::new(&scope, conn), Errors::default());
        let task = (operation.prepare)(&draft, &mut operands, &mut unprepared)?;
        Ok((task, operands.into_used(), unprepared))
    });
    let (mut task, used, unprepared) = prepared.await?;
    // What is wrong with a body is told to those who may do what it names.
    request.permit_use(used).await?;
    errors.into_result()?;
    unprepared.into_result()?;
    let holds = Holds { exclusive: std::mem::take(&mut task.exclusive), shared: std::mem::take(&mut task.shared) };
    let args = operation_task::arguments(component, &task);
    let new = request.task(task.name, operation_task::KIND, args, holds);
    Ok(match operation.answer {
        OperationAnswer::Task => {
            let id = tasks::dispatch(&request.app, new).await?;
            Answer::task(format!("{}tasks/{id}/", request.app.api))
        }
        OperationAnswer::TaskGroup(description) => {
            let group = tasks::dispatch_with_group(&request.app, description.to_owned(), new).await?;
            Answer::task_group(format!("{}task-groups/{group}/", request.app.api))
        }
    })
}
