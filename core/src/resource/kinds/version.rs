//! Repository versions.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::super::{Field, Filter, FilterContext, Input, Kind, Lookup, Operation, Record, Resource, Scope, Target};
use super::{base_fields, identity_filters, ordering, show_reference, show_version, vulnerability_report};
use crate::auth::policy::Policy;
use crate::db::{Conn, Value};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::filter::Clause;
use crate::resource::registry::SHOWN;

const REPOSITORY_TYPE: &str = "r.pulp_type";
const BASE_REPOSITORY: &str = "(SELECT b.repository_id FROM repository_version b WHERE b.id = t.base_version_id)";
const BASE_TYPE: &str = "(SELECT p.pulp_type FROM repository_version b JOIN repository p ON p.id = b.repository_id \
                         WHERE b.id = t.base_version_id)";
const BASE_NUMBER: &str = "(SELECT b.number FROM repository_version b WHERE b.id = t.base_version_id)";

impl Resource {
    /// The versions of all repositories; with a type, of the repositories of one format.
    pub fn versions(repository: Option<&Resource>) -> Self {
        let (app, tag) = repository.map_or(("core", "Repository_Versions"), |resource| (resource.app, resource.tag));
        Self {
            kind: Kind::RepositoryVersion,
            app: "core",
            model: "RepositoryVersion",
            noun: "repository version",
            from: format!("repository_version t JOIN {SHOWN} r ON r.id = t.repository_id"),
            fields: fields(),
            filters: filters(),
            ordering: ordering(&[("number", "t.number")]),
            can: vec![Operation::List],
            policy: repository.map_or_else(Policy::mixed, |resource| {
                Policy::of_repository(app, resource.model, &resource.policy.permissions)
            }),
            enrich: Some(add_summaries),
            ..Self::generic("repository_versions/", "repository_versions", "RepositoryVersion", tag)
        }
    }
}

fn own_href(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    show_version(scope, record, "t.repository_id", REPOSITORY_TYPE, "t.number")
}

fn fields() -> Vec<Field> {
    let version = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/versions/1/";
    let mut fields = base_fields();
    for field in fields.iter_mut().filter(|field| field.name == "pulp_href") {
        *field = field.clone().shown(&["repository_id", REPOSITORY_TYPE, "number"], own_href);
    }
    fields.extend([
        Field::integer("number", None, "Versions are counted from 0.", 1).read_only(),
        Field::href("repository", Target::Nothing, "The repository.", version)
            .shown(&["repository_id", REPOSITORY_TYPE], |scope, _, record| {
                show_reference(scope, record, Kind::Repository, "t.repository_id", REPOSITORY_TYPE)
            }),
        Field::href("base_version", Target::Nothing, "The version this one was made from, when it was named.", version)
            .nullable()
            .shown(&[BASE_REPOSITORY, BASE_TYPE, BASE_NUMBER], |scope, _, record| {
                show_version(scope, record, BASE_REPOSITORY, BASE_TYPE, BASE_NUMBER)
            }),
        Field::any(
            "content_summary",
            "ContentSummary",
            "How many units of each type are present, and how many were added and removed.",
            json!({"added": {}, "removed": {}, "present": {}}),
        )
        .shown(&["repository_id", REPOSITORY_TYPE, "number"], |_, _, _| Json::Null),
        Field::text("vuln_report", "The address of the list of what scans of this version found.", version).shown(
            &[],
            |scope, resource, record| {
                let prn = record.id().map(|id| resource.prn(id)).unwrap_or_default();
                json!(format!("{}{}?repo_versions={prn}", scope.api, vulnerability_report::PATH))
            },
        ),
    ]);
    fields
}

fn filters() -> Vec<Filter> {
    use Lookup::{Exact, Gt, Gte, Lt, Lte, Range};
    let mut filters = Filter::integer("number", "t.number", &[Exact, Lt, Lte, Gt, Gte, Range]);
    filters.extend(Filter::date_time("pulp_created", "t.created"));
    let holds = |context: &mut FilterContext<'_>, text: &str| holds_any(context, text);
    filters.push(Filter::custom("content", Input::Text, "Keep the versions that hold this unit.", holds));
    filters.push(Filter::custom(
        "content__in",
        Input::TextList,
        "Keep the versions that hold one of these units.",
        holds,
    ));
    filters.extend(identity_filters().into_iter().filter(|filter| filter.name != "pulp_id__in"));
    filters
}

/// The ids of the units that a comma-separated list of references names.
pub(super) fn content_ids(context: &mut FilterContext<'_>, text: &str) -> Result<Vec<Id>> {
    let registry = context.scope.registry;
    let mut ids = Vec::new();
    for href in text.split(',').filter(|href| !href.is_empty()) {
        let reference = registry
            .parse(context.scope.api, href)
            .ok_or_else(|| Error::InvalidBody(json!([format!("URI not valid: {href}")])))?;
        let id = registry.find(&context.scope, context.conn, &reference)?.ok_or_else(|| {
            Error::InvalidBody(json!([format!("Could not find the following content units: ['{href}']")]))
        })?;
        ids.push(id);
    }
    Ok(ids)
}

fn holds_any(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let ids = content_ids(context, text)?;
    Ok(Clause::new(
        "EXISTS (SELECT 1 FROM repository_content c WHERE c.repository_id = t.repository_id AND c.content_id = ANY({})
             AND c.version_added <= t.number AND (c.version_removed IS NULL OR c.version_removed > t.number))",
        [Value::Ids(ids)],
    ))
}

/// Adds the stored counts, one statement for all versions.
fn add_summaries(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let rows = conn.query(
        "SELECT version_id, count_type, content_type, count FROM repository_version_count
         WHERE version_id = ANY($1) ORDER BY content_type",
        &[Value::Ids(ids)],
    )?;
    let mut counts: HashMap<Id, Vec<(String, String, i64)>> = HashMap::new();
    for row in rows {
        counts.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?, row.get(3)?));
    }
    for (record, json) in records.iter().zip(shown) {
        let Some(summary) = json.get_mut("content_summary") else { continue };
        let version = show_version(scope, record, "t.repository_id", REPOSITORY_TYPE, "t.number");
        let counts = record.id().and_then(|id| counts.remove(&id)).unwrap_or_default();
        *summary = summarize(scope, version.as_str().unwrap_or_default(), &counts);
    }
    Ok(())
}

fn summarize(scope: &Scope<'_>, version: &str, counts: &[(String, String, i64)]) -> Json {
    let part = |kind: &str, parameter: &str| {
        let of_kind = counts.iter().filter(|(count_type, _, _)| count_type == kind);
        let pairs = of_kind.filter_map(|(_, content_type, count)| {
            let path = scope.registry.typed(Kind::Content, content_type)?.path;
            let href = format!("{}{path}?{parameter}={version}", scope.api);
            Some((content_type.clone(), json!({"count": count, "href": href})))
        });
        Json::Object(pairs.collect::<Map<_, _>>())
    };
    json!({
        "added": part("added", "repository_version_added"),
        "removed": part("removed", "repository_version_removed"),
        "present": part("present", "repository_version"),
    })
}
