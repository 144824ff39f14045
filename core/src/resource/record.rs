//! A row of a collection and how it is shown.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Access, Api, Clause, Field, Kind, Registry, Resource, Source, Target, Wire};
use crate::auth::Secrets;
use crate::db::{Conn, FromValue, Row, Value};
use crate::error::Result;
use crate::id::{Id, Instant, format_instant};

/// What showing and resolving need to know about this installation.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub registry: &'a Registry,
    pub api: &'a Api,
    /// Opens what is kept encrypted, to say which of it is set.
    pub secrets: &'a Secrets,
    /// `http://host/pulp/content/`, with the domain behind it where there are domains.
    pub content: &'a str,
    pub domain: Id,
    pub domain_name: &'a str,
    /// How long after it was last heard of a worker counts as online.
    pub worker_ttl: std::time::Duration,
    /// The variables of the environment that guards may name.
    pub guard_variables: &'a std::collections::BTreeMap<String, Option<crate::config::Secret>>,
}

impl Scope<'_> {
    /// The address of a distribution at a face of its format's own: `http://host/pypi/<base path>/`.
    pub fn face_url(&self, prefix: &str, base_path: &str) -> String {
        let start = self.content.find("://").map_or(0, |at| at + 3);
        let end = self.content[start..].find('/').map_or(self.content.len(), |at| start + at);
        format!("{}/{prefix}/{}{base_path}/", &self.content[..end], self.api.mount())
    }

    /// An object's href.
    pub fn href(&self, resource: &Resource, id: impl std::fmt::Display) -> String {
        let api = if resource.kind.is_shared() { self.api.shared() } else { self.api.as_str() };
        format!("{api}{}{id}/", resource.path)
    }

    /// The href of an object of the collection at `path`.
    pub fn link(&self, path: &str, id: impl std::fmt::Display) -> Option<String> {
        self.registry.by_path(path).map(|resource| self.href(resource, id))
    }

    /// The href of the object that a reference in `details` names by its id.
    fn detail_href(&self, target: Target, id: &str) -> Option<String> {
        let resource = match target {
            Target::Typed(Kind::SigningService, _) => self.registry.untyped(Kind::SigningService),
            Target::Typed(kind, pulp_type) => self.registry.typed(kind, pulp_type),
            Target::Kind(kind) => self.registry.untyped(kind),
            // Such are kept in columns, with their type.
            Target::OneOf(..) | Target::Nothing => None,
        };
        resource.map(|resource| self.href(resource, id))
    }

    /// The href of an object of a typed kind.
    pub fn typed_href(&self, kind: super::Kind, pulp_type: &str, id: impl std::fmt::Display) -> Option<String> {
        self.registry.typed(kind, pulp_type).map(|resource| self.href(resource, id))
    }
}

/// Makes a field's value of a record.
pub type Show = fn(&Scope<'_>, &Resource, &Record) -> Json;

/// One row; columns by the expression that selected them (`t.name`).
#[derive(Clone, Debug)]
pub struct Record {
    columns: Arc<[&'static str]>,
    row: Row,
}

impl Record {
    pub fn new(columns: Arc<[&'static str]>, row: Row) -> Self {
        Self { columns, row }
    }

    /// The value of an expression, none when it was not selected, is null or of another type.
    pub fn get<T: FromValue>(&self, expression: &str) -> Option<T> {
        let at = self.columns.iter().position(|column| *column == expression)?;
        self.row.get::<Option<T>>(at).ok().flatten()
    }

    pub fn id(&self) -> Option<Id> {
        self.get("t.id")
    }

    /// A key of the `details` column.
    pub fn detail(&self, name: &str) -> Json {
        self.get::<Json>("t.details").and_then(|details| details.get(name).cloned()).unwrap_or(Json::Null)
    }
}

/// `t.name` for a bare column; content types name their own table.
pub(super) fn qualified(column: &'static str) -> &'static str {
    // Columns are spelled by a handful of constants; each is qualified once and kept.
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    static NAMES: LazyLock<Mutex<HashMap<&'static str, &'static str>>> = LazyLock::new(Mutex::default);
    if column.contains(['.', '(']) {
        return column;
    }
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(column).or_insert_with(|| Box::leak(format!("t.{column}").into_boxed_str()))
}

/// Which rows of a list, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// What follows `ORDER BY`.
    pub order: &'a str,
    pub limit: i64,
    pub offset: i64,
}

impl Resource {
    /// How many rows meet all conditions, unless that is known, and a slice of them.
    pub fn select(
        &self,
        conn: &mut Conn,
        fields: &[&Field],
        conditions: Vec<Clause>,
        length: Option<i64>,
        slice: &Slice<'_>,
    ) -> Result<(i64, Vec<Record>)> {
        let condition = if conditions.is_empty() { Clause::always() } else { Clause::joined(conditions, " AND ") };
        let rows = format!("FROM {} WHERE {}", self.from, condition.numbered(0));
        let count: i64 = match length {
            Some(length) => length,
            None => conn.query_one(&format!("SELECT count(*) {rows}"), &condition.params)?.get(0)?,
        };
        if count <= slice.offset {
            return Ok((count, vec![]));
        }
        let columns = self.columns(fields);
        let next = condition.params.len() + 1;
        let (order, after) = (slice.order, next + 1);
        let page = format!("{rows} ORDER BY {order} LIMIT ${next} OFFSET ${after}");
        let (shown, mut params) = (columns.join(", "), condition.params);
        params.extend([slice.limit.into(), slice.offset.into()]);
        let rows = if slice.offset == 0 || self.kind.is_numbered() {
            conn.query(&format!("SELECT {shown} {page}"), &params)?
        } else {
            // PostgreSQL would work out the columns of the rows before the page, too, or read the whole table to join it
            // with the ids of the page.
            let ids = conn.query(&format!("SELECT t.id {page}"), &params)?;
            let ids = ids.iter().map(|row| row.get(0)).collect::<Result<Vec<Id>>>()?;
            let sql = format!("SELECT {shown} FROM {} WHERE t.id = ANY($1) ORDER BY {order}", self.from);
            conn.query(&sql, &[ids.into()])?
        };
        Ok((count, rows.into_iter().map(|row| Record::new(columns.clone(), row)).collect()))
    }

    /// Whether any row meets the condition.
    pub fn has_any(&self, conn: &mut Conn, condition: &Clause) -> Result<bool> {
        let sql = format!("SELECT 1 FROM {} WHERE {} LIMIT 1", self.from, condition.numbered(0));
        Ok(conn.query_opt(&sql, &condition.params)?.is_some())
    }

    /// The expressions that showing `fields` needs.
    pub fn columns(&self, fields: &[&Field]) -> Arc<[&'static str]> {
        let mut columns = vec!["t.id"];
        if self.kind.is_typed() {
            columns.push("t.pulp_type");
        }
        columns.extend(self.kind.parent().map(qualified));
        if !self.kind.is_numbered() {
            columns.extend(["t.created", "t.updated"]);
        }
        for field in fields {
            match field.source {
                Source::Column(name) => columns.push(qualified(name)),
                Source::Detail => columns.push("t.details"),
                Source::Shown(needed, _) => columns.extend(needed.iter().map(|name| qualified(name))),
                Source::Secret | Source::Input => {}
            }
        }
        let mut unique = Vec::with_capacity(columns.len());
        columns.into_iter().for_each(|column| {
            if !unique.contains(&column) {
                unique.push(column);
            }
        });
        unique.into()
    }

    /// The fields an answer shows.
    pub fn shown_fields(&self) -> Vec<&Field> {
        self.fields.iter().filter(|field| field.access != Access::WriteOnly).collect()
    }

    /// One record as clients see it.
    fn show(&self, scope: &Scope<'_>, fields: &[&Field], record: &Record) -> Json {
        let pairs = fields.iter().map(|field| (field.name.to_owned(), field.show(scope, self, record)));
        Json::Object(pairs.collect::<Map<_, _>>())
    }

    /// Loads and shows the object with this id, with all its fields; none when there is none.
    pub fn load(&self, scope: &Scope<'_>, conn: &mut Conn, id: impl Into<Value>) -> Result<Option<Json>> {
        let fields = self.shown_fields();
        let Some(record) = self.record(conn, &fields, id)? else { return Ok(None) };
        Ok(self.show_all(scope, conn, &fields, &[record])?.pop())
    }

    /// Many records as clients see them.
    pub fn show_all(
        &self,
        scope: &Scope<'_>,
        conn: &mut Conn,
        fields: &[&Field],
        records: &[Record],
    ) -> Result<Vec<Json>> {
        let mut shown: Vec<_> = records.iter().map(|record| self.show(scope, fields, record)).collect();
        if let Some(enrich) = self.enrich {
            enrich(scope, conn, records, &mut shown)?;
        }
        Ok(shown)
    }

    /// The record with this id.
    pub fn record(&self, conn: &mut Conn, fields: &[&Field], id: impl Into<Value>) -> Result<Option<Record>> {
        let columns = self.columns(fields);
        let mut sql = format!("SELECT {} FROM {} WHERE t.id = $1", columns.join(", "), self.from);
        let mut params = vec![id.into()];
        if let Some(pulp_type) = self.pulp_type {
            sql.push_str(" AND t.pulp_type = $2");
            params.push(pulp_type.into());
        }
        Ok(conn.query_opt(&sql, &params)?.map(|row| Record::new(columns, row)))
    }
}

impl Field {
    fn show(&self, scope: &Scope<'_>, resource: &Resource, record: &Record) -> Json {
        match self.source {
            Source::Shown(_, show) => show(scope, resource, record),
            Source::Detail => match (record.detail(self.name), &self.wire) {
                (Json::String(id), Wire::Href(target)) => json!(scope.detail_href(*target, &id)),
                (Json::Null, _) => self.default.clone().filter(|_| !self.nullable).unwrap_or(Json::Null),
                (value, _) => value,
            },
            Source::Column(name) => self.show_column(record, qualified(name)),
            Source::Secret | Source::Input => Json::Null,
        }
    }

    fn show_column(&self, record: &Record, column: &str) -> Json {
        match self.wire {
            Wire::Integer { .. } => json!(record.get::<i64>(column)),
            Wire::Number { .. } => json!(record.get::<f64>(column)),
            Wire::Boolean => json!(record.get::<bool>(column)),
            Wire::DateTime => json!(record.get::<Instant>(column).map(format_instant)),
            Wire::Labels | Wire::Headers | Wire::Any(_) | Wire::Texts | Wire::Choices(_) | Wire::Hrefs => {
                record.get::<Json>(column).unwrap_or(Json::Null)
            }
            Wire::Text | Wire::RawText | Wire::Choice(_) | Wire::Href(_) | Wire::File | Wire::TextFile => {
                json!(record.get::<String>(column))
            }
        }
    }
}
