//! Roles on one object: who has which, giving them, taking them away, and what the asker may do with it. Made for
//! every resource on whose objects roles can be given.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use crate::auth::policy::Verb;
use crate::db::roles::{self, Extent, ObjectKey, Principal};
use crate::db::{Conn, Lock, groups, users};
use crate::error::{Error, NON_FIELD, Result};
use crate::id::Id;
use crate::resource::{Errors, Field, Mode, Registry, Resource};

fn fields() -> Vec<Field> {
    let names = |name, text, example: &str| Field::texts(name, text, json!([example])).default(json!([])).input();
    vec![
        names("users", "The names of the users.", "ada"),
        names("groups", "The names of the groups.", "readers"),
        Field::text("role", "The name of the role.", "file.filerepository_viewer").required().input(),
    ]
}

/// The operations of a resource whose objects have roles.
pub fn of_resource(at: usize, resource: &Resource) -> Vec<Endpoint> {
    if !resource.has_object_roles() {
        return vec![];
    }
    let endpoint = |name: &'static str, method: Method, run: Run, text: String, body, answer| Endpoint {
        operation: format!("{}_{name}", resource.operations),
        path: format!("{}{{}}/{name}/", resource.path),
        resource: Some(at),
        policy: None,
        verb: Verb::Action(name),
        run,
        doc: Doc {
            tag: resource.tag.into(),
            summary: summary(&text),
            description: text,
            body,
            answers: vec![answer],
            selects: method == Method::GET,
            href_parameter: Some(resource.href_parameter),
            ..Doc::default()
        },
        method,
    };
    let noun = resource.noun;
    let body = || Some(BodyDoc { schema: "NestedRole".into(), fields: fields() });
    let nested = || {
        let fields = fields().into_iter().map(|field| Field { access: crate::resource::Access::ReadWrite, ..field });
        (201, Content::Object { schema: "NestedRoleResponse".into(), fields: fields.collect() })
    };
    vec![
        endpoint(
            "list_roles",
            Method::GET,
            |request| Box::pin(list(request)),
            format!("List who was given which role on a {noun}."),
            None,
            (200, Content::Named("ObjectRolesResponse")),
        ),
        endpoint(
            "add_role",
            Method::POST,
            |request| Box::pin(change(request, Change::Give)),
            format!("Give users and groups a role on a {noun}."),
            body(),
            nested(),
        ),
        endpoint(
            "remove_role",
            Method::POST,
            |request| Box::pin(change(request, Change::Take)),
            format!("Take a role on a {noun} away from users and groups."),
            body(),
            nested(),
        ),
        endpoint(
            "my_permissions",
            Method::GET,
            |request| Box::pin(own_permissions(request)),
            format!("List what the asker was given the permission for on a {noun}."),
            None,
            (200, Content::Named("MyPermissionsResponse")),
        ),
    ]
}

impl Request {
    /// The object in the path.
    pub(super) fn key(&self) -> Result<ObjectKey> {
        match self.resource()?.kind.is_numbered() {
            true => self.number(0).map(ObjectKey::Number),
            false => self.id().map(ObjectKey::Id),
        }
    }
}

fn exists(conn: &mut Conn, resource: &Resource, key: ObjectKey) -> Result<()> {
    resource.record(conn, &[], key.value())?.map(drop).ok_or_else(|| Error::not_found(resource.model))
}

async fn list(request: Request) -> Result<Answer> {
    let (app, at, key) = (request.app.clone(), request.resource_at()?, request.key()?);
    let given = request.app.db.read(move |conn| {
        exists(conn, &app.registry.resources[at], key)?;
        roles::on_object(conn, key, None)
    });
    let mut shown: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for one in given.await? {
        if shown.last().is_none_or(|(role, ..)| *role != one.role) {
            shown.push((one.role, vec![], vec![]));
        }
        if let Some((_, users, groups)) = shown.last_mut() {
            users.extend(one.user.map(|(_, name)| name));
            groups.extend(one.group.map(|(_, name)| name));
        }
    }
    let shown = shown.into_iter().map(|(role, users, groups)| json!({"role": role, "users": users, "groups": groups}));
    let body = json!({"roles": shown.collect::<Vec<_>>()});
    Ok(Answer::ok(super::super::page::select(&request.query, body)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Give,
    Take,
}

async fn change(mut request: Request, change: Change) -> Result<Answer> {
    let (app, at, key) = (request.app.clone(), request.resource_at()?, request.key()?);
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    errors.into_result()?;
    let names = |field: &str| -> Vec<String> {
        let list = draft.get(field).and_then(Json::as_array).into_iter().flatten();
        list.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let (users, groups) = (names("users"), names("groups"));
    let role = draft.get("role").and_then(Json::as_str).unwrap_or_default().to_owned();
    let body = json!({"users": users, "groups": groups, "role": role});
    let write = request.app.db.write(move |conn| {
        let resource = &app.registry.resources[at];
        exists(conn, resource, key)?;
        conn.lock(&Lock::Resource(resource.prn(key)))?;
        let (role, principals) = resolve(conn, &role, &users, &groups)?;
        let object_type = resource.object_type();
        if change == Change::Give && !is_about(&app.registry, conn, role, &object_type)? {
            return Err(Error::non_field("The role does not contain any permission for that object."));
        }
        let extent = Extent::Object(object_type, key);
        principals.iter().try_for_each(|(to, name)| apply(conn, role, *to, name, &extent, change))
    });
    write.await?;
    Ok(Answer::json(201, body))
}

fn apply(conn: &mut Conn, role: Id, to: Principal, name: &str, extent: &Extent, change: Change) -> Result<()> {
    let noun = if matches!(to, Principal::User(_)) { "user" } else { "group" };
    match change {
        Change::Give => match roles::give_once(conn, role, to, extent)? {
            Some(_) => Ok(()),
            None => Err(Error::non_field(format!("The role is already assigned to {noun} '{name}'."))),
        },
        Change::Take if roles::take(conn, role, to, extent)? => Ok(()),
        Change::Take => Err(Error::non_field(format!("The role is not assigned to {noun} '{name}'."))),
    }
}

/// Whether a role has any permission about objects of a type.
pub fn is_about(registry: &Registry, conn: &mut Conn, role: Id, object_type: &str) -> Result<bool> {
    let permissions = roles::permissions(conn, &[role])?.remove(&role).unwrap_or_default();
    Ok(permissions.iter().any(|permission| registry.subject_of(permission) == Some(object_type)))
}

/// # Errors
/// In the words of Pulp for what does not exist.
pub fn role(conn: &mut Conn, name: &str) -> Result<Id> {
    let missing = || Error::field("role", format!("Object with name={name} does not exist."));
    roles::by_name(conn, name)?.ok_or_else(missing)
}

fn resolve(
    conn: &mut Conn,
    role_name: &str,
    users: &[String],
    groups: &[String],
) -> Result<(Id, Vec<(Principal, String)>)> {
    let mut errors = Errors::default();
    let mut principals = Vec::new();
    let mut missing = |field: &str, at: usize, text: String| {
        let of_field = errors.0.entry(field).or_insert_with(|| json!({}));
        of_field[at.to_string()] = json!([text]);
    };
    for (at, name) in users.iter().enumerate() {
        match users::by_name(conn, name)? {
            Some(user) => principals.push((Principal::User(user.id), name.clone())),
            None => missing("users", at, format!("Object with username={name} does not exist.")),
        }
    }
    for (at, name) in groups.iter().enumerate() {
        match groups::by_names(conn, std::slice::from_ref(name))?.pop() {
            Some((id, _)) => principals.push((Principal::Group(id), name.clone())),
            None => missing("groups", at, format!("Object with name={name} does not exist.")),
        }
    }
    match role(conn, role_name) {
        Ok(id) => errors.into_result().map(|()| (id, principals)),
        Err(Error::Invalid(wrong)) => {
            errors.0.extend(wrong.into_iter().map(|(field, messages)| (field, json!(messages))));
            errors.into_result().and(Err(Error::non_field(NON_FIELD)))
        }
        Err(error) => Err(error),
    }
}

async fn own_permissions(request: Request) -> Result<Answer> {
    let (app, at, key) = (request.app.clone(), request.resource_at()?, request.key()?);
    let actor = request.actor.clone();
    let permissions = request.app.db.read(move |conn| {
        let resource = &app.registry.resources[at];
        exists(conn, resource, key)?;
        let object_type = resource.object_type();
        let creating = format!("{}.add_", resource.app);
        Ok(match actor {
            Some(actor) if actor.is_superuser => {
                let all = app.registry.permissions_about(&object_type);
                all.filter(|name| !name.starts_with(&creating)).map(str::to_owned).collect()
            }
            actor => {
                let user = actor.map(|actor| actor.user_id);
                let mut own = roles::held(conn, user, app.domain, Some(key), "")?.on_object;
                own.retain(|name| app.registry.subject_of(name) == Some(object_type.as_str()));
                own.sort_unstable();
                own.dedup();
                own
            }
        })
    });
    Ok(Answer::ok(json!({"permissions": permissions.await?})))
}
