//! Publications.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::super::{Access, Field, Filter, FilterContext, Input, Kind, Operation, Record, Resource, Scope, Target};
use super::repository::Names;
use super::{base_fields, identity_filters, ordering, show_reference, show_version, type_filters, version};
use crate::auth::policy::{Owned, Policy};
use crate::db::{Conn, Value};
use crate::error::Result;
use crate::id::Id;
use crate::resource::filter::Clause;

const FROM: &str = "publication t JOIN repository_version v ON v.id = t.repository_version_id \
                    JOIN repository r ON r.id = v.repository_id";

impl Resource {
    /// Publications of one format.
    pub fn publication(names: Names, policy: Owned) -> Self {
        let mut fields = fields();
        fields.push(
            Field::hrefs(
                "distributions",
                "The distributions that serve this publication.",
                "/pulp/api/v3/distributions/file/file/01a1fe66-0dc3-754d-afcf-063356147a75/",
            )
            .shown(&[], |_, _, _| json!([])),
        );
        fields.push(
            Field::boolean("checkpoint", "Whether it stays as a checkpoint of its repository.", false)
                .initial(json!(false)),
        );
        Self {
            kind: Kind::Publication,
            from: FROM.into(),
            fields,
            filters: filters(),
            ordering: order(),
            can: vec![Operation::List, Operation::Create, Operation::Read, Operation::Delete],
            policy: policy.policy(),
            enrich: Some(add_distributions),
            ..names.resource()
        }
    }

    /// All publications, whatever their type.
    pub fn publications(types: Vec<&'static str>) -> Self {
        let mut filters = filters();
        filters.extend(type_filters(types));
        Self {
            kind: Kind::Publication,
            from: FROM.into(),
            fields: fields(),
            filters,
            ordering: order(),
            can: vec![Operation::List],
            policy: Policy::mixed(),
            ..Self::generic("publications/", "publications", "Publication", "Publications")
        }
    }
}

fn fields() -> Vec<Field> {
    let repository = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    let mut fields = base_fields();
    fields.extend([
        Field {
            access: Access::ReadWrite,
            ..Field::href(
                "repository_version",
                Target::Kind(Kind::RepositoryVersion),
                "The version that is published.",
                repository,
            )
            .shown(&["v.repository_id", "r.pulp_type", "v.number"], |scope, _, record| {
                show_version(scope, record, "v.repository_id", "r.pulp_type", "v.number")
            })
        },
        Field {
            access: Access::ReadWrite,
            ..Field::href(
                "repository",
                Target::Kind(Kind::Repository),
                "The repository whose newest version is published.",
                repository,
            )
            .shown(&["v.repository_id", "r.pulp_type"], |scope, _, record| {
                show_reference(scope, record, Kind::Repository, "v.repository_id", "r.pulp_type")
            })
        },
    ]);
    fields
}

fn order() -> Vec<(&'static str, &'static str)> {
    ordering(&[("checkpoint", "t.checkpoint"), ("pass_through", "t.pass_through"), ("pulp_type", "t.pulp_type")])
}

fn filters() -> Vec<Filter> {
    let mut filters = Filter::boolean("checkpoint", "t.checkpoint");
    filters.extend(Filter::date_time("pulp_created", "t.created"));
    filters.push(Filter::custom(
        "repository",
        Input::Text,
        "Keep the publications of this repository.",
        |context, text| {
            if text.is_empty() {
                return Ok(Clause::always());
            }
            let id = context.object(text, Kind::Repository, "repository")?;
            Ok(Clause::new("v.repository_id = {}", [Value::Id(id)]))
        },
    ));
    filters.push(Filter::custom(
        "repository_version",
        Input::Text,
        "Keep the publications of this version.",
        |context, text| {
            let (repository, number) = context.version(text)?;
            Ok(Clause::new("v.repository_id = {} AND v.number = {}", [repository.into(), number.into()]))
        },
    ));
    filters.push(Filter::custom("content", Input::Text, "Keep the publications that hold this unit.", holds_any));
    filters.push(Filter::custom(
        "content__in",
        Input::TextList,
        "Keep the publications that hold one of these units.",
        holds_any,
    ));
    filters.extend(identity_filters());
    filters
}

fn holds_any(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let ids = version::content_ids(context, text)?;
    Ok(Clause::new(
        "EXISTS (SELECT 1 FROM repository_content c WHERE c.repository_id = v.repository_id AND c.content_id = ANY({})
             AND c.version_added <= v.number AND (c.version_removed IS NULL OR c.version_removed > v.number))",
        [Value::Ids(ids)],
    ))
}

fn add_distributions(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let rows = conn.query(
        "SELECT publication_id, id, pulp_type FROM distribution WHERE publication_id = ANY($1) ORDER BY created",
        &[Value::Ids(ids)],
    )?;
    let mut served: HashMap<Id, Vec<Json>> = HashMap::new();
    for row in rows {
        let href = scope.typed_href(Kind::Distribution, &row.get::<String>(2)?, row.get::<Id>(1)?);
        served.entry(row.get(0)?).or_default().push(json!(href));
    }
    for (record, json) in records.iter().zip(shown) {
        if let (Some(list), Some(id)) = (json.get_mut("distributions"), record.id()) {
            *list = Json::Array(served.remove(&id).unwrap_or_default());
        }
    }
    Ok(())
}
