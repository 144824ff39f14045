//! Paging, choice of fields and ordering: what every list's query may say beside its filters.

use serde_json::{Value as Json, json};

use super::endpoints::tasks::MINIMAL;
use crate::error::{Error, Result};
use crate::resource::{Field, Kind, Resource, Slice};

/// The page when the client does not say.
const USUAL_LIMIT: i64 = 100;
/// The largest page, so that an answer's size is bounded.
const LARGEST_LIMIT: i64 = 10_000;

/// A list's query, taken apart.
pub struct Query {
    pub limit: i64,
    pub offset: i64,
    /// `ORDER BY` of the list.
    pub order: String,
    pub filters: Vec<(String, String)>,
    fields: Vec<String>,
    excluded: Vec<String>,
    /// Tasks are asked for without their long fields.
    minimal: bool,
}

impl Query {
    /// # Errors
    /// `InvalidBody` naming the orderings that do not exist.
    pub fn parse(resource: &Resource, query: &[(String, String)]) -> Result<Self> {
        let number = |name: &str| last(query, name).and_then(|text| text.parse::<i64>().ok());
        let known = ["limit", "offset", "fields", "exclude_fields", "ordering", "format"];
        let is_task = resource.kind == Kind::Task;
        let is_known = |key: &str| known.contains(&key) || (is_task && key == "minimal");
        let filters = query.iter().filter(|(key, _)| !is_known(key)).cloned().collect();
        let minimal = last(query, "minimal").is_some_and(|value| ["true", "1", "t", "yes"].contains(&value));
        Ok(Self {
            limit: number("limit").filter(|limit| *limit > 0).unwrap_or(USUAL_LIMIT).min(LARGEST_LIMIT),
            offset: number("offset").filter(|offset| *offset > 0).unwrap_or(0),
            order: order(resource, &listed(query, "ordering"))?,
            filters,
            fields: listed(query, "fields"),
            excluded: listed(query, "exclude_fields"),
            minimal: minimal && is_task,
        })
    }

    /// Which of the rows.
    pub fn slice(&self) -> Slice<'_> {
        Slice { order: &self.order, limit: self.limit, offset: self.offset }
    }

    /// The fields the client wants to see.
    pub fn chosen<'a>(&self, resource: &'a Resource) -> Vec<&'a Field> {
        let mut fields = resource.shown_fields();
        if !self.fields.is_empty() {
            fields.retain(|field| self.fields.iter().any(|name| name == field.name));
        }
        fields.retain(|field| !self.excluded.iter().any(|name| name == field.name));
        if self.minimal {
            fields.retain(|field| MINIMAL.contains(&field.name));
        }
        fields
    }
}

/// What `fields` and `exclude_fields` leave of an object that no resource describes.
pub fn select(query: &[(String, String)], mut body: Json) -> Json {
    let (fields, excluded) = (listed(query, "fields"), listed(query, "exclude_fields"));
    if let Some(map) = body.as_object_mut() {
        map.retain(|name, _| (fields.is_empty() || fields.contains(name)) && !excluded.contains(name));
    }
    body
}

/// The items of a parameter that may be repeated and may be a list.
fn listed(query: &[(String, String)], name: &str) -> Vec<String> {
    let all = query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
    all.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// The value that counts when a parameter is given several times.
pub fn last<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn order(resource: &Resource, names: &[String]) -> Result<String> {
    let mut parts = Vec::new();
    let mut wrong = Vec::new();
    for name in names {
        let (bare, direction) = name.strip_prefix('-').map_or((name.as_str(), "ASC"), |bare| (bare, "DESC"));
        match resource.ordering.iter().find(|(known, _)| *known == bare) {
            Some((_, column)) => parts.push(format!("{column} {direction}")),
            None => wrong.push(format!("Select a valid choice. {name} is not one of the available choices.")),
        }
    }
    if !wrong.is_empty() {
        return Err(Error::InvalidBody(json!({"ordering": wrong})));
    }
    // Newest first; ids rise with time, and settle what no column tells apart.
    if parts.is_empty() && resource.ordering.iter().any(|(_, column)| *column == "t.created") {
        parts.push("t.created DESC".into());
    }
    parts.push("t.id DESC".into());
    Ok(parts.join(", "))
}

/// The envelope of a page. Links keep the query, sorted, with the limit spelled out.
pub fn envelope(address: &str, query: &[(String, String)], page: &Query, count: i64, results: Vec<Json>) -> Json {
    let link = |offset: i64| {
        let mut pairs: Vec<(String, String)> =
            query.iter().filter(|(key, _)| key != "limit" && key != "offset").cloned().collect();
        pairs.push(("limit".into(), page.limit.to_string()));
        if offset > 0 {
            pairs.push(("offset".into(), offset.to_string()));
        }
        pairs.sort();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{address}?{query}")
    };
    let next = page.offset.saturating_add(page.limit);
    json!({
        "count": count,
        "next": (next < count).then(|| link(next)),
        "previous": (page.offset > 0).then(|| link((page.offset - page.limit).max(0))),
        "results": results,
    })
}
