//! Access policies: who may do what with the objects of a collection. As they ship they are the program's; what is
//! changed is kept, until it is reset.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use crate::auth::policy::{CreationHook, Policy, SCOPING, Statement, Verb};
use crate::db::access_policies::{self, Changed};
use crate::error::{Error, Result};
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{
    Access, Errors, Field, Filter, Kind, Mode, Operation, Record, Registry, Resource, Scope, type_name,
};

const PATH: &str = "access_policies/";

pub fn resource() -> Resource {
    let own = [
        ("creation_hooks", "t.creation_hooks"),
        ("customized", "t.customized"),
        ("queryset_scoping", "t.queryset_scoping"),
        ("statements", "t.statements"),
        ("viewset_name", "t.viewset_name"),
    ];
    let mut filters = Filter::name("viewset_name", "t.viewset_name");
    filters.extend(Filter::boolean("customized", "t.customized"));
    filters.extend(identity_filters());
    Resource {
        kind: Kind::AccessPolicy,
        noun: "access policy",
        href_parameter: "access_policy_href",
        from: "access_policy t".into(),
        fields: fields(),
        filters,
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::administrators(),
        description: "Who may do what.",
        ..Resource::generic(PATH, "access_policies", "AccessPolicy", "Access_Policies")
    }
}

/// What was changed, or else what ships.
fn shown(scope: &Scope<'_>, record: &Record, column: &str, shipped: fn(&Policy) -> Json) -> Json {
    if let Some(changed) = record.get::<Json>(column) {
        return changed;
    }
    let viewset: String = record.get("t.viewset_name").unwrap_or_default();
    scope.registry.policy(&viewset).map_or(Json::Null, |policy| shipped(&policy.policy))
}

fn show_hooks(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    shown(scope, record, "t.creation_hooks", Policy::shown_hooks)
}

fn fields() -> Vec<Field> {
    let hook = json!([{"function": "add_roles_for_object_creator", "parameters": {"roles": "core.task_owner"}}]);
    let hooks = |name, text| {
        Field::any(name, "", text, hook.clone()).shown(&["viewset_name", "creation_hooks"], show_hooks).writable()
    };
    let statement = json!([{"action": ["list"], "effect": "allow", "principal": "authenticated"}]);
    let mut fields = base_fields();
    fields.extend([
        hooks("permissions_assignment", "Out of use: see `creation_hooks`."),
        hooks("creation_hooks", "What is given to whom when an object is made."),
        Field::any("statements", "", "Who may do what. What no statement allows is refused.", statement)
            .shown(&["viewset_name", "statements"], |scope, _, record| {
                shown(scope, record, "t.statements", Policy::shown_statements)
            })
            .writable()
            .required(),
        Field::text("viewset_name", "What it is about.", "repositories/file/file").read_only(),
        Field::boolean("customized", "Whether it was changed.", false).read_only(),
        Field::any(
            "queryset_scoping",
            "",
            "How lists are cut to what their reader sees; without a function they are not.",
            json!({"function": SCOPING}),
        )
        .shown(&["viewset_name", "queryset_scoping"], |scope, _, record| {
            shown(scope, record, "t.queryset_scoping", Policy::shown_scoping)
        })
        .writable(),
    ]);
    fields
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let object = || Content::Object { schema: "AccessPolicyResponse".into(), fields: fields() };
    let body = |schema: &str| {
        let fields = fields().into_iter().filter(|field| field.access != Access::ReadOnly).collect();
        Some(BodyDoc { schema: schema.into(), fields })
    };
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body| Endpoint {
        operation: format!("access_policies_{name}"),
        method,
        path: format!("{PATH}{path}"),
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: "Access_Policies".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![(200, object())],
            href_parameter: Some("access_policy_href"),
            ..Doc::default()
        },
    };
    vec![
        endpoint(
            "update",
            Method::PUT,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Replace)),
            "Change an access policy.",
            body("AccessPolicy"),
        ),
        endpoint(
            "partial_update",
            Method::PATCH,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Change)),
            "Change some of an access policy.",
            body("PatchedAccessPolicy"),
        ),
        endpoint(
            "reset",
            Method::POST,
            "{}/reset/",
            Verb::Action("reset"),
            |request| Box::pin(reset(request)),
            "Forget all changes of an access policy.",
            None,
        ),
    ]
}

/// A list of which each item can be read.
fn list<T>(
    given: Option<&Json>,
    field: &str,
    read: fn(&Json) -> std::result::Result<T, String>,
    errors: &mut Errors,
) -> Option<Json> {
    let given = given?;
    match given.as_array() {
        Some(items) => items.iter().filter_map(|item| read(item).err()).for_each(|wrong| errors.add(field, wrong)),
        None => errors.add(field, format!("Expected a list of items but got type \"{}\".", type_name(given))),
    }
    Some(given.clone())
}

fn scoping(given: Option<&Json>, errors: &mut Errors) -> Option<Json> {
    let given = given?;
    match given.get("function").and_then(Json::as_str) {
        _ if !given.is_object() => {
            errors.add(
                "queryset_scoping",
                format!("Expected a dictionary of items but got type \"{}\".", type_name(given)),
            );
        }
        None | Some("" | SCOPING) => {}
        Some(other) => errors.add("queryset_scoping", format!("there is no function `{other}` for scoping")),
    }
    Some(given.clone())
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let id = request.id()?;
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    let hooks = |name: &str, errors: &mut Errors| list(draft.get(name), name, CreationHook::parse, errors);
    let changed = Changed {
        statements: list(draft.get("statements"), "statements", Statement::parse, &mut errors),
        creation_hooks: hooks("permissions_assignment", &mut errors)
            .into_iter()
            .chain(hooks("creation_hooks", &mut errors))
            .last(),
        queryset_scoping: scoping(draft.get("queryset_scoping"), &mut errors),
    };
    errors.into_result()?;
    let changes =
        changed.statements.is_some() || changed.creation_hooks.is_some() || changed.queryset_scoping.is_some();
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request.app.db.write(move |conn| {
        if changes {
            access_policies::change(conn, id, &changed)?;
        }
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    let body = body.await?.ok_or_else(|| request.not_found())?;
    // Native faces know which of their policies were changed.
    request.app.served_content_changed();
    Ok(Answer::ok(body))
}

async fn reset(request: Request) -> Result<Answer> {
    let (app, viewpoint, at, id) = (request.app.clone(), request.viewpoint(), request.resource_at()?, request.id()?);
    let body = request.app.db.write(move |conn| {
        access_policies::reset(conn, id)?;
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    let body = body.await?.ok_or_else(|| Error::not_found("AccessPolicy"))?;
    request.app.served_content_changed();
    Ok(Answer::ok(body))
}
