//! What is configured, repositories, remotes and distributions: checked, made, changed, deleted. Their rows
//! share one table per kind; columns, details and secrets follow from the resource's fields.

use serde_json::{Map, Value as Json, json};

use super::{
    alternates, change_version, content_guards, distributions, domains, exchange, references, remotes, replication,
    versions,
};
use crate::app::App;
use crate::db::domains as domain_rows;
use crate::db::roles::ObjectKey;
use crate::db::{self, Conn, FromValue, Value};
use crate::error::{Error, Result};
use crate::guards;
use crate::id::{Id, Instant, now};
use crate::params;
use crate::resource::{Draft, Errors, Field, Kind, Reference, Resource, Scope, Source, Target, Wire, creator};
use crate::tasks::ShortTask;

/// A checked input, ready for the database.
#[derive(Debug, Default)]
pub struct Change {
    pub columns: Vec<(String, Value)>,
    details: Map<String, Json>,
    secrets: Map<String, Json>,
    /// The guards that a guard asks.
    guards: Option<Vec<Id>>,
    /// The repositories of an exporter.
    repositories: Option<Vec<Id>>,
    /// The repositories of an importer, by the names that exports have for them.
    mapping: Option<Vec<(String, Id)>>,
}

impl Change {
    /// Of nothing but columns.
    pub fn of(columns: Vec<(String, Value)>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// The value that a column shall get; none when it is left alone.
    pub fn column(&self, name: &str) -> Option<&Value> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, value)| value)
    }

    /// Replaces what is encrypted.
    pub fn set_secrets(&mut self, secrets: Map<String, Json>) {
        self.secrets = secrets;
    }

    pub fn get<T: FromValue>(&self, name: &str) -> Option<T> {
        T::from_value(self.column(name)?)
    }
}

/// Keeps others from changing what objects of this kind are checked against, until the transaction ends. To be called
/// before [`check`] in a transaction that writes.
pub fn lock(conn: &mut Conn, kind: Kind) -> Result<()> {
    match kind {
        Kind::Distribution => conn.lock(&db::Lock::BasePaths),
        Kind::Domain => domains::lock_places(conn),
        _ => Ok(()),
    }
}

/// Checks a draft against the database. What is wrong goes to `errors`; the change is whole when there is nothing.
pub fn check(
    app: &App,
    scope: &Scope<'_>,
    conn: &mut Conn,
    resource: &Resource,
    draft: &Draft,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<Change> {
    let mut change = Change::default();
    // What a domain names is to be its own, whichever domain is spoken to.
    let scope = &match (resource.kind, existing) {
        (Kind::Domain, id) => Scope { domain: id.unwrap_or(Id::LEAST), ..*scope },
        _ => *scope,
    };
    for field in &resource.fields {
        if let Some(value) = draft.get(field.name) {
            add(scope, conn, field, value, &mut change, errors)?;
        }
    }
    if let Some(name) = change.get::<String>("name") {
        let table = resource.kind.table();
        let taken = match resource.kind.has_domain() {
            true => conn.query_opt(
                &format!("SELECT id FROM {table} WHERE domain_id = $1 AND name = $2"),
                params![scope.domain, name],
            )?,
            false => conn.query_opt(&format!("SELECT id FROM {table} WHERE name = $1"), params![name])?,
        };
        if taken.map(|row| row.get::<Id>(0)).transpose()?.is_some_and(|id| Some(id) != existing) {
            errors.add("name", "This field must be unique.");
        }
    }
    if let Some(check) = resource.check {
        check(draft, errors);
    }
    match resource.kind {
        Kind::AlternateContentSource => alternates::check(conn, resource, &mut change, errors)?,
        Kind::ContentGuard => change.guards = content_guards::check(scope, conn, draft, existing, errors)?,
        Kind::Distribution => distributions::check(scope, conn, resource, &change, existing, errors)?,
        Kind::Domain => domains::check(app, conn, draft, &mut change, existing, errors)?,
        Kind::Exporter => {
            let allowed = &app.config.allowed_export_paths;
            change.repositories = exchange::configure::exporter(scope, conn, draft, allowed, errors)?;
        }
        Kind::Importer => change.mapping = exchange::configure::importer(scope, conn, draft, errors)?,
        Kind::Remote => remotes::check(app, conn, draft, &mut change, existing, errors)?,
        Kind::UpstreamPulp => replication::check(scope, conn, &mut change, errors)?,
        _ => {}
    }
    Ok(change)
}

/// Turns one field's value into a column, a detail or a secret.
fn add(
    scope: &Scope<'_>,
    conn: &mut Conn,
    field: &Field,
    value: &Json,
    change: &mut Change,
    errors: &mut Errors,
) -> Result<()> {
    if let Wire::Href(target) = field.wire {
        let id = match value.as_str() {
            None => Value::Null,
            Some(_) if target == Target::Nothing => {
                crate::resource::Unresolved::NoMatch.tell(scope, field.name, errors);
                return Ok(());
            }
            Some(text) => match scope.registry.resolve(scope, conn, target, text)? {
                Ok(id) => Value::Id(id),
                Err(unresolved) => {
                    unresolved.tell(scope, field.name, errors);
                    return Ok(());
                }
            },
        };
        if let Source::Detail = field.source {
            change.details.insert(field.name.to_owned(), references::detail(&id));
        } else if target != Target::Nothing {
            change.columns.push((format!("{}_id", field.name), id));
        }
        return Ok(());
    }
    match field.source {
        Source::Column(name) => change.columns.push((name.to_owned(), column_value(field, value)?)),
        Source::Detail => drop(change.details.insert(field.name.to_owned(), value.clone())),
        Source::Secret => drop(change.secrets.insert(field.name.to_owned(), value.clone())),
        Source::Shown(..) | Source::Input => {}
    }
    Ok(())
}

fn column_value(field: &Field, value: &Json) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let wrong = || Error::internal(format!("`{}` holds {value}", field.name));
    Ok(match field.wire {
        Wire::Boolean => value.as_bool().ok_or_else(wrong)?.into(),
        Wire::Integer { .. } => value.as_i64().ok_or_else(wrong)?.into(),
        Wire::Number { .. } => value.as_f64().ok_or_else(wrong)?.into(),
        Wire::DateTime => value.as_str().and_then(|text| text.parse::<Instant>().ok()).ok_or_else(wrong)?.into(),
        Wire::Text | Wire::RawText | Wire::Choice(_) => value.as_str().ok_or_else(wrong)?.into(),
        Wire::Labels | Wire::Headers | Wire::Texts | Wire::Choices(_) | Wire::Hrefs | Wire::Any(_) => {
            value.clone().into()
        }
        Wire::Href(_) | Wire::File | Wire::TextFile => return Err(wrong()),
    })
}

/// Makes the object; a repository gets its empty version 0.
pub fn create(app: &App, conn: &mut Conn, resource: &Resource, change: &Change) -> Result<Id> {
    let (id, now) = (Id::new(), now());
    let mut columns: Vec<(String, Value)> =
        vec![("id".into(), id.into()), ("created".into(), now.into()), ("updated".into(), now.into())];
    if resource.kind.has_domain() {
        columns.extend([
            ("domain_id".into(), app.domain.into()),
            ("pulp_type".into(), resource.pulp_type.into()),
            ("details".into(), Json::Object(change.details.clone()).into()),
        ]);
    }
    if resource.kind == Kind::Repository {
        columns.extend([("next_version".into(), 0i64.into()), ("user_hidden".into(), false.into())]);
    }
    let mut secrets = change.secrets.clone();
    if let (Kind::ContentGuard, Some(pulp_type)) = (resource.kind, resource.pulp_type) {
        secrets.extend(guards::new_secrets(&app.registry, pulp_type)?);
    }
    if !secrets.is_empty() {
        columns.push(("secrets".into(), app.secrets.seal(&Json::Object(secrets))?.into()));
    }
    columns.extend(change.columns.iter().cloned());
    if resource.kind == Kind::Distribution && change.column("content_guard_id").is_none() {
        columns.push(("content_guard_id".into(), domain_rows::default_content_guard(conn, app.domain)?.into()));
    }
    if resource.kind == Kind::Distribution && change.column("checkpoint").is_none() {
        // Of a type that has no publications.
        columns.push(("checkpoint".into(), false.into()));
    }
    if resource.kind == Kind::Remote && change.column("policy").is_none() {
        // Of a type whose files come with the list of them.
        columns.push(("policy".into(), "immediate".into()));
    }
    let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<Value> = columns.iter().map(|(_, value)| value.clone()).collect();
    conn.insert_all(resource.kind.table(), &names, &[values])?;
    match resource.kind {
        Kind::ContentGuard => set_guards(conn, id, change)?,
        Kind::Exporter | Kind::Importer => set_exchanged(conn, id, change)?,
        Kind::Repository => drop(versions::create_empty(conn, id)?),
        Kind::Distribution => distributions::note_served(app, conn, id)?,
        _ => {}
    }
    Ok(id)
}

/// Whether the change would change anything.
pub fn would_change(app: &App, conn: &mut Conn, resource: &Resource, id: Id, change: &Change) -> Result<bool> {
    if change.guards.is_some() || change.mapping.is_some() {
        return Ok(true);
    }
    if let Some(repositories) = &change.repositories {
        let known = db::exchange::repositories(conn, id)?;
        if known.iter().map(|(id, _)| *id).ne(repositories.iter().copied()) {
            return Ok(true);
        }
    }
    let table = resource.kind.table();
    let same: Vec<_> = change
        .columns
        .iter()
        .enumerate()
        .map(|(at, (name, _))| format!("{name} IS NOT DISTINCT FROM ${}", at + 2))
        .collect();
    let mut params = vec![Value::Id(id)];
    params.extend(change.columns.iter().map(|(_, value)| value.clone()));
    let condition = if same.is_empty() { "1 = 1".to_owned() } else { same.join(" AND ") };
    if conn.query_opt(&format!("SELECT 1 FROM {table} WHERE id = $1 AND {condition}"), &params)?.is_none() {
        return Ok(true);
    }
    let details = if change.details.is_empty() { Map::new() } else { stored_details(conn, table, id)? };
    if change.details.iter().any(|(name, value)| details.get(name).unwrap_or(&Json::Null) != value) {
        return Ok(true);
    }
    let secrets = stored_secrets(app, conn, resource, id)?;
    // Those of a domain are all given anew.
    if resource.kind == Kind::Domain && change.column("storage_settings").is_some() && change.secrets != secrets {
        return Ok(true);
    }
    Ok(change.secrets.iter().any(|(name, value)| secrets.get(name).unwrap_or(&Json::Null) != value))
}

/// Changes the object.
pub fn update(app: &App, conn: &mut Conn, resource: &Resource, id: Id, change: &Change) -> Result<()> {
    let table = resource.kind.table();
    let mut columns: Vec<(String, Value)> = vec![("updated".into(), now().into())];
    columns.extend(change.columns.iter().cloned());
    if !change.details.is_empty() {
        let mut details = stored_details(conn, table, id)?;
        details.extend(change.details.clone());
        columns.push(("details".into(), Json::Object(details).into()));
    }
    if resource.kind == Kind::Domain && change.column("storage_settings").is_some() {
        // Those of a store of another class go.
        let secrets = Json::Object(change.secrets.clone());
        columns.push(("secrets".into(), app.secrets.seal(&secrets)?.into()));
    } else if !change.secrets.is_empty() {
        let mut secrets = stored_secrets(app, conn, resource, id)?;
        secrets.extend(change.secrets.clone());
        columns.push(("secrets".into(), app.secrets.seal(&Json::Object(secrets))?.into()));
    }
    let settings: Vec<_> = columns.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}", at + 2)).collect();
    if resource.kind == Kind::AlternateContentSource {
        alternates::forget_what_changes(conn, id, change)?;
    }
    let mut params = vec![Value::Id(id)];
    params.extend(columns.into_iter().map(|(_, value)| value));
    conn.execute(&format!("UPDATE {table} SET {} WHERE id = $1", settings.join(", ")), &params)?;
    match resource.kind {
        Kind::Repository => {
            change_version::with_kind(app, conn, id, |conn, kind| versions::retain(conn, id, kind))?;
            versions::retain_checkpoints(conn, id)?;
            Ok(())
        }
        Kind::ContentGuard => set_guards(conn, id, change),
        Kind::Exporter | Kind::Importer => set_exchanged(conn, id, change),
        Kind::Distribution => distributions::note_served(app, conn, id),
        _ => Ok(()),
    }
}

fn set_guards(conn: &mut Conn, id: Id, change: &Change) -> Result<()> {
    match &change.guards {
        Some(guards) => db::content_guards::set_members(conn, id, guards),
        None => Ok(()),
    }
}

fn set_exchanged(conn: &mut Conn, id: Id, change: &Change) -> Result<()> {
    if let Some(repositories) = &change.repositories {
        db::exchange::set_repositories(conn, id, repositories)?;
    }
    match &change.mapping {
        Some(mapping) => db::exchange::set_mapping(conn, id, mapping),
        None => Ok(()),
    }
}

fn stored_details(conn: &mut Conn, table: &str, id: Id) -> Result<Map<String, Json>> {
    let row = conn.query_opt(&format!("SELECT details FROM {table} WHERE id = $1"), params![id])?;
    let details = row.map(|row| row.get::<Json>(0)).transpose()?;
    Ok(details.and_then(|details| details.as_object().cloned()).unwrap_or_default())
}

fn stored_secrets(app: &App, conn: &mut Conn, resource: &Resource, id: Id) -> Result<Map<String, Json>> {
    if !matches!(resource.kind, Kind::Remote | Kind::Domain | Kind::UpstreamPulp) {
        return Ok(Map::new());
    }
    let table = resource.kind.table();
    let row = conn.query_opt(&format!("SELECT secrets FROM {table} WHERE id = $1"), params![id])?;
    let sealed = row.map(|row| row.get::<Option<String>>(0)).transpose()?.flatten();
    let secrets = sealed.map(|sealed| app.secrets.open(&sealed)).transpose()?;
    Ok(secrets.and_then(|secrets| secrets.as_object().cloned()).unwrap_or_default())
}

/// Deletes the object and what cannot be without it.
///
/// # Errors
/// `Invalid` for the guard without which addresses of artifacts would open to nobody.
pub fn delete(conn: &mut Conn, resource: &Resource, id: Id) -> Result<()> {
    if resource.kind == Kind::ContentGuard && db::artifact_distribution::is_guarded_by(conn, id)? {
        return Err(Error::non_field("the guard of the artifact distribution cannot be deleted"));
    }
    if resource.kind == Kind::Repository {
        // What was only here becomes an orphan now, not when it was uploaded.
        conn.execute(
            "UPDATE content SET timestamp_of_interest = $2
             WHERE id IN (SELECT content_id FROM repository_content WHERE repository_id = $1)",
            params![id, now()],
        )?;
    }
    conn.execute(&format!("DELETE FROM {} WHERE id = $1", resource.kind.table()), params![id])?;
    Ok(())
}

/// The arguments of the tasks below. `content` is where the client sees the content face.
pub fn arguments(resource: &Resource, id: Option<Id>, draft: Draft, content: &str) -> Json {
    json!({"path": resource.path, "id": id, "draft": draft, "content": content})
}

fn content_base(app: &App, args: &Json) -> String {
    args.get("content").and_then(Json::as_str).map_or_else(|| app.content_base(None), str::to_owned)
}

fn subject<'a>(app: &'a App, args: &Json) -> Result<&'a Resource> {
    let path = args.get("path").and_then(Json::as_str).unwrap_or_default();
    app.registry.by_path(path).ok_or_else(|| Error::internal(format!("no resource `{path}`")))
}

fn object(args: &Json) -> Result<Id> {
    let id = args.get("id").and_then(Json::as_str).and_then(|id| id.parse().ok());
    id.ok_or_else(|| Error::internal("a task without an id"))
}

fn draft(args: &Json) -> Draft {
    args.get("draft").and_then(Json::as_object).cloned().unwrap_or_default()
}

/// The task that creates.
pub fn run_create(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let resource = subject(app, args)?;
    let content = content_base(app, args);
    let scope = app.scope(&content);
    let mut errors = Errors::default();
    lock(conn, resource.kind)?;
    let change = check(app, &scope, conn, resource, &draft(args), None, &mut errors)?;
    errors.into_result()?;
    let id = create(app, conn, resource, &change)?;
    creator::created(&app.registry, conn, resource, ObjectKey::Id(id), task.created_by)?;
    task.created(resource.prn(id), format!("{}{id}/", resource.path));
    Ok(resource.load(&scope, conn, id)?.unwrap_or(Json::Null))
}

/// The task that updates.
pub fn run_update(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let (resource, id) = (subject(app, args)?, object(args)?);
    let content = content_base(app, args);
    let scope = app.scope(&content);
    let mut errors = Errors::default();
    lock(conn, resource.kind)?;
    let change = check(app, &scope, conn, resource, &draft(args), Some(id), &mut errors)?;
    errors.into_result()?;
    update(app, conn, resource, id, &change)?;
    if resource.kind == Kind::Domain {
        task.domain_changed();
    }
    resource.load(&scope, conn, id)?.ok_or_else(|| Error::not_found(resource.model))
}

/// The task that deletes.
pub fn run_delete(app: &App, conn: &mut Conn, args: &Json, _: &mut ShortTask) -> Result<Json> {
    let (resource, id) = (subject(app, args)?, object(args)?);
    references::refuse_if_named(&app.registry, conn, resource.kind, id)?;
    delete(conn, resource, id)?;
    Ok(Json::Null)
}

/// What an href of a request's body points to, with errors put under the field.
pub fn resolve(
    scope: &Scope<'_>,
    conn: &mut Conn,
    target: Target,
    field: &str,
    text: &str,
    errors: &mut Errors,
) -> Result<Option<Id>> {
    match scope.registry.resolve(scope, conn, target, text)? {
        Ok(id) => Ok(Some(id)),
        Err(unresolved) => {
            unresolved.tell(scope, field, errors);
            Ok(None)
        }
    }
}

/// The object of a kind that an href points to, or what is wrong with it in the words that filters use.
pub fn find(scope: &Scope<'_>, conn: &mut Conn, kind: Kind, href: &str) -> Result<std::result::Result<Id, String>> {
    let Some(reference) = scope.registry.parse(scope.api, href) else {
        return Ok(Err(format!("URI not valid: {href}")));
    };
    let fits = matches!(&reference, Reference::Object(at, _) if scope.registry.resources[*at].kind == kind);
    let found = if fits { scope.registry.find(scope, conn, &reference)? } else { None };
    Ok(found.ok_or_else(|| format!("URI {href} not found for {}.", kind.table())))
}

/// The ids of the units that a list of hrefs names, in order.
///
/// # Errors
/// Under `field`, in Pulp's words, for what is no href and for what does not exist.
pub fn content_units(
    scope: &Scope<'_>,
    conn: &mut Conn,
    field: &str,
    hrefs: &[String],
    errors: &mut Errors,
) -> Result<Vec<Id>> {
    let mut wanted = Vec::with_capacity(hrefs.len());
    for href in hrefs {
        match scope.registry.parse(scope.api, href) {
            Some(Reference::Object(at, id)) if scope.registry.resources[at].kind == Kind::Content => {
                wanted.push(Some(id))
            }
            Some(_) => wanted.push(None),
            None => {
                errors.add(field, format!("URI not valid: {href}"));
                return Ok(vec![]);
            }
        }
    }
    let ids: Vec<Id> = wanted.iter().flatten().copied().collect();
    let mut known = std::collections::HashMap::with_capacity(ids.len());
    for ids in ids.chunks(10_000) {
        for row in conn.query("SELECT id, domain_id FROM content WHERE id = ANY($1)", params![ids.to_vec()])? {
            known.insert(row.get::<Id>(0)?, row.get::<Id>(1)?);
        }
    }
    let mut wrong = |text: String, is_wrong: &dyn Fn(Option<&Id>) -> bool| {
        let found = wanted.iter().map(|id| id.and_then(|id| known.get(&id)));
        let named: Vec<_> =
            found.zip(hrefs).filter(|(found, _)| is_wrong(*found)).map(|(_, href)| format!("'{href}'")).collect();
        if !named.is_empty() {
            errors.add(field, format!("{text}: [{}]", named.join(", ")));
        }
    };
    wrong("Could not find the following content units".into(), &|found| found.is_none());
    let foreign = format!("Content units are not a part of the current domain {}", scope.domain_name);
    wrong(foreign, &|found| found.is_some_and(|domain| *domain != scope.domain));
    Ok(ids)
}
