//! The actions that resources declare: sync, modify, refresh, labels.

use actix_web::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::answer::Answer;
use super::endpoints::upstream_pulps;
use super::request::Request;
use super::routes::{Content, Run};
use super::write::{Holds, exists};
use crate::db::{Conn, remotes, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::{configured, publish_task, refresh, sign_units};
use crate::resource::{Action, ActionRun, Draft, Errors, Field, Kind, Mode, Registry, Target, Wire, check_label};
use crate::tasks;

pub fn runner(run: ActionRun) -> Run {
    match run {
        ActionRun::Sync => |request| Box::pin(sync(request)),
        ActionRun::Modify => |request| Box::pin(modify(request)),
        ActionRun::SetLabel => |request| Box::pin(set_label(request)),
        ActionRun::UnsetLabel => |request| Box::pin(unset_label(request)),
        ActionRun::Refresh => |request| Box::pin(refresh_source(request)),
        ActionRun::Replicate => |request| Box::pin(upstream_pulps::replicate(request)),
        ActionRun::Work(_) => |request| Box::pin(work(request)),
    }
}

/// What an action answers, for the API's description.
pub fn answers(action: &Action) -> Vec<(u16, Content)> {
    match action.run {
        ActionRun::Sync | ActionRun::Modify | ActionRun::Work(_) => {
            vec![(StatusCode::ACCEPTED.as_u16(), Content::Task)]
        }
        ActionRun::Refresh | ActionRun::Replicate => vec![(StatusCode::ACCEPTED.as_u16(), Content::TaskGroup)],
        ActionRun::SetLabel | ActionRun::UnsetLabel => {
            let value = Field::text("value", "The label's value.", "dev").nullable().read_only();
            let mut fields = action.fields.clone();
            fields.retain(|field| field.name == "key");
            fields.push(value);
            let schema = format!("{}Response", action.schema);
            vec![(StatusCode::CREATED.as_u16(), Content::Object { schema, fields })]
        }
    }
}

impl Request {
    /// The declared fields of the action that this request asks for.
    fn action_fields(&self, run: ActionRun) -> Result<Vec<Field>> {
        let action = self.resource()?.actions.iter().find(|action| action.run == run);
        action.map(|action| action.fields.clone()).ok_or_else(|| Error::internal("the resource lacks this action"))
    }

    pub async fn draft(&mut self, run: ActionRun, errors: &mut Errors) -> Result<Draft> {
        let fields = self.action_fields(run)?;
        let input = self.input(&fields).await?;
        Ok(Mode::Create.parse(&fields, &input.fields, errors))
    }
}

async fn sync(mut request: Request) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let mut errors = Errors::default();
    let draft = request.draft(ActionRun::Sync, &mut errors).await?;
    let target = remote_target(&request.action_fields(ActionRun::Sync)?)?;
    let (app, viewpoint, asked) = (request.app.clone(), request.viewpoint(), draft.clone());
    let plugin = publish_task::format(&app, request.resource()?.pulp_type.unwrap_or_default())?.clone();
    let (remote, remote_prn) = request
        .app
        .db
        .read(move |conn| {
            exists(conn, &app.registry.resources[at], id)?;
            let settings = repositories::settings(conn, id)?;
            let remote = match asked.get("remote").and_then(Json::as_str) {
                Some(text) => configured::resolve(&viewpoint.scope(&app), conn, target, "remote", text, &mut errors)?,
                None => {
                    if settings.remote.is_none() {
                        errors.add("remote", "This field is required since a remote is not set on the repository.");
                    }
                    settings.remote
                }
            };
            errors.into_result()?;
            plugin.sync_options(&asked, &settings.details)?;
            let remote = remote.ok_or_else(|| Error::internal("a sync without a remote"))?;
            Ok((remote, remote_prn(&app.registry, conn, remote)?))
        })
        .await?;
    let resource = request.resource()?;
    let holds = Holds::exclusive(resource.prn(id)).and_shared(remote_prn);
    let mut options = draft;
    options.remove("remote");
    let args = json!({"repository": id, "remote": remote, "options": options});
    let name = format!("pulp_{}.app.tasks.synchronizing.synchronize", resource.app);
    request.dispatch(&name, "sync", args, holds).await
}

/// Which remotes a synchronization can be told to read from.
fn remote_target(fields: &[Field]) -> Result<Target> {
    let remote = fields.iter().find(|field| field.name == "remote").map(|field| &field.wire);
    match remote {
        Some(Wire::Href(target)) => Ok(*target),
        _ => Err(Error::internal("the action has no field for a remote")),
    }
}

fn remote_prn(registry: &Registry, conn: &mut Conn, remote: Id) -> Result<String> {
    let row = remotes::by_id(conn, remote)?.ok_or_else(|| Error::not_found("Remote"))?;
    let resource = registry.typed(Kind::Remote, &row.pulp_type);
    resource.map(|resource| resource.prn(remote)).ok_or_else(|| Error::internal("a remote of an unknown type"))
}

async fn modify(mut request: Request) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let mut errors = Errors::default();
    let draft = request.draft(ActionRun::Modify, &mut errors).await?;
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let (args, kind) = request
        .app
        .db
        .read(move |conn| {
            exists(conn, &app.registry.resources[at], id)?;
            let scope = viewpoint.scope(&app);
            let listed = |name: &str| {
                let list = draft.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
                list.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
            };
            let add = configured::content_units(
                &scope,
                conn,
                "add_content_units",
                &listed("add_content_units"),
                &mut errors,
            )?;
            let gone = listed("remove_content_units");
            let all = gone.iter().any(|text| text == "*");
            let mut remove = vec![];
            if all && gone.len() > 1 {
                errors.add("remove_content_units", "Cannot supply content units and '*'.");
            } else if !all {
                remove = configured::content_units(&scope, conn, "remove_content_units", &gone, &mut errors)?;
            }
            let base = match draft.get("base_version").and_then(Json::as_str) {
                None => None,
                Some(text) => {
                    let target = Target::Kind(Kind::RepositoryVersion);
                    configured::resolve(&scope, conn, target, "base_version", text, &mut errors)?
                }
            };
            errors.into_result()?;
            let overwrite = draft.get("overwrite").and_then(Json::as_bool).unwrap_or(true);
            let settings = repositories::settings(conn, id)?;
            let signature = sign_units::wanted(&app, &settings).filter(|_| !add.is_empty());
            signature.as_ref().map_or(Ok(()), |signature| signature.check(conn, &add))?;
            let kind = match (signature, publish_task::is_automatic(&settings.details)) {
                (Some(_), _) => "modify_signed",
                // Publishing writes to the store, which a short task cannot.
                (None, true) => "modify_and_publish",
                (None, false) => "modify",
            };
            let args = json!({
                "repository": id, "add": add, "remove": remove, "remove_all": all,
                "base_version": base, "overwrite": overwrite,
            });
            Ok((args, kind))
        })
        .await?;
    let holds = Holds::exclusive(request.resource()?.prn(id));
    // Pulp does this: what is wrong with units that are only added, the request itself is told.
    let only_adds = args["remove"].as_array().is_none_or(Vec::is_empty)
        && args["remove_all"] == false
        && args["base_version"].is_null();
    let name = "pulpcore.app.tasks.repository.add_and_remove";
    if only_adds {
        return request.dispatch_checked(name, kind, args, holds).await;
    }
    request.dispatch(name, kind, args, holds).await
}

async fn refresh_source(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let plan = request.app.db.read(move |conn| {
        let resource = &app.registry.resources[at];
        exists(conn, resource, id)?;
        refresh::plan(&app, conn, resource, id)
    });
    let plan = plan.await?;
    let description = format!("Refresh of an alternate content source with paths: {}", plan.len());
    let name = format!("pulp_{}.app.tasks.synchronizing.synchronize", request.resource()?.app);
    let task = |path: refresh::PathTask| {
        let holds = Holds { exclusive: vec![path.exclusive], shared: path.shared };
        request.task(&name, refresh::KIND, path.args, holds)
    };
    let tasks = plan.into_iter().map(task).collect();
    let group = tasks::dispatch_group(&request.app, description, tasks).await?;
    Ok(Answer::task_group(format!("{}task-groups/{group}/", request.app.api)))
}

/// The action that the path ends with.
async fn work(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    request.app.db.read(move |conn| exists(conn, &app.registry.resources[at], id)).await?;
    let resource = request.resource()?;
    let named = request.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let action = resource.actions.iter().find(|action| action.name == named);
    let Some(ActionRun::Work(work)) = action.map(|action| action.run) else {
        return Err(Error::internal("the resource lacks this action"));
    };
    let holds = Holds::exclusive(resource.prn(id));
    let name = format!("pulp_{}.app.tasks.{work}", resource.app);
    request.dispatch(&name, "repository_work", json!({"repository": id, "work": work}), holds).await
}

async fn set_label(mut request: Request) -> Result<Answer> {
    let mut errors = Errors::default();
    let draft = request.draft(ActionRun::SetLabel, &mut errors).await?;
    let key = draft.get("key").and_then(Json::as_str).unwrap_or_default().to_owned();
    let value = draft.get("value").cloned().unwrap_or_default();
    if errors.is_empty()
        && let Some(message) = check_label(&key, value.as_str())
    {
        errors.non_field(message);
    }
    errors.into_result()?;
    let answer = json!({"key": key, "value": value});
    change_labels(&request, move |labels| {
        labels.insert(key, value);
        Ok(())
    })
    .await?;
    Ok(Answer::json(201, answer))
}

async fn unset_label(mut request: Request) -> Result<Answer> {
    let mut errors = Errors::default();
    let draft = request.draft(ActionRun::UnsetLabel, &mut errors).await?;
    errors.into_result()?;
    let key = draft.get("key").and_then(Json::as_str).unwrap_or_default().to_owned();
    let name = key.clone();
    let value = change_labels(&request, move |labels| {
        let absent = || Error::field("key", format!("Label '{name}' is not set on the object."));
        labels.shift_remove(&name).ok_or_else(absent)
    })
    .await?;
    Ok(Answer::json(201, json!({"key": key, "value": value})))
}

/// Changes the labels of the object that the request names, in one transaction.
async fn change_labels<T: Send + 'static>(
    request: &Request,
    change: impl FnOnce(&mut Map<String, Json>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    request
        .app
        .db
        .write(move |conn| {
            let resource = &app.registry.resources[at];
            exists(conn, resource, id)?;
            let table = resource.kind.table();
            conn.lock(&crate::db::Lock::Resource(resource.prn(id)))?;
            let mut labels = repositories::labels(conn, table, id)?;
            let result = change(&mut labels)?;
            repositories::set_labels(conn, table, id, labels)?;
            Ok(result)
        })
        .await
}
