//! Filters of lists: query parameters that become conditions.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use serde_json::{Value as Json, json};

use super::{Kind, Reference, Scope};
use crate::db::{Conn, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};

/// PostgreSQL can take a quarter of a minute to refuse a pattern ten times as long.
const LONGEST_PATTERN: usize = 1_000;

/// What is true of every row.
const ALWAYS: &str = "1 = 1";

/// A condition in SQL; `{}` stands for each parameter in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub sql: String,
    pub params: Vec<Value>,
}

impl Clause {
    pub fn new(sql: impl Into<String>, params: impl Into<Vec<Value>>) -> Self {
        Self { sql: sql.into(), params: params.into() }
    }

    pub fn always() -> Self {
        Self::new(ALWAYS, [])
    }

    pub fn is_always(&self) -> bool {
        self.sql == ALWAYS
    }

    pub fn never() -> Self {
        Self::new("1 = 0", [])
    }

    pub fn negated(self) -> Self {
        Self { sql: format!("NOT ({})", self.sql), ..self }
    }

    /// Several at once, joined by `AND` or `OR`.
    pub fn joined(clauses: Vec<Self>, operator: &str) -> Self {
        let sql: Vec<_> = clauses.iter().map(|clause| format!("({})", clause.sql)).collect();
        Self { sql: sql.join(operator), params: clauses.into_iter().flat_map(|clause| clause.params).collect() }
    }

    /// The text with numbered parameters, for a statement that has `before` of them already.
    pub fn numbered(&self, before: usize) -> String {
        let mut parts = self.sql.split("{}");
        let mut sql = parts.next().unwrap_or_default().to_owned();
        for (at, part) in parts.enumerate() {
            sql.push_str(&format!("${}{part}", before + at + 1));
        }
        sql
    }
}

/// The type of a filter's value, for the API's description and for reading it.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Text,
    TextList,
    Integer,
    IntegerRange,
    Number,
    Boolean,
    DateTime,
    DateTimeRange,
    UuidList,
    Choice(Vec<&'static str>),
    ChoiceList(Vec<&'static str>),
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Exact,
    Iexact,
    In,
    Contains,
    Icontains,
    Startswith,
    Istartswith,
    Regex,
    Iregex,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    Range,
    Isnull,
}

/// What a filter's condition may look at.
pub struct FilterContext<'a> {
    pub scope: Scope<'a>,
    pub conn: &'a mut Conn,
}

/// How a value becomes a condition.
#[derive(Clone, Copy, Debug)]
pub enum Apply {
    Compare(&'static str, Lookup),
    Custom(fn(&mut FilterContext<'_>, &str) -> Result<Clause>),
}

#[derive(Clone, Debug)]
pub struct Filter {
    pub name: String,
    pub input: Input,
    pub apply: Apply,
    pub description: String,
}

impl Lookup {
    fn suffix(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Iexact => "__iexact",
            Self::In => "__in",
            Self::Contains => "__contains",
            Self::Icontains => "__icontains",
            Self::Startswith => "__startswith",
            Self::Istartswith => "__istartswith",
            Self::Regex => "__regex",
            Self::Iregex => "__iregex",
            Self::Ne => "__ne",
            Self::Gt => "__gt",
            Self::Gte => "__gte",
            Self::Lt => "__lt",
            Self::Lte => "__lte",
            Self::Range => "__range",
            Self::Isnull => "__isnull",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Exact => "is",
            Self::Iexact => "is, in any case,",
            Self::In => "is one of",
            Self::Contains => "contains",
            Self::Icontains => "contains, in any case,",
            Self::Startswith => "starts with",
            Self::Istartswith => "starts, in any case, with",
            Self::Regex => "matches the pattern",
            Self::Iregex => "matches, in any case, the pattern",
            Self::Ne => "is not",
            Self::Gt => "is greater than",
            Self::Gte => "is at least",
            Self::Lt => "is less than",
            Self::Lte => "is at most",
            Self::Range => "lies between the two values",
            Self::Isnull => "is not set",
        }
    }
}

use Lookup::{
    Contains, Exact, Gt, Gte, Icontains, Iexact, In, Iregex, Isnull, Istartswith, Lt, Lte, Ne, Range, Regex, Startswith,
};

impl Filter {
    /// All lookups of a name.
    pub fn name(base: &str, column: &'static str) -> Vec<Self> {
        let all = [Exact, Iexact, In, Contains, Icontains, Startswith, Istartswith, Regex, Iregex];
        Self::text(base, column, &all)
    }

    pub fn text(base: &str, column: &'static str, lookups: &[Lookup]) -> Vec<Self> {
        Self::compare(base, column, lookups, |lookup| match lookup {
            In => Input::TextList,
            Isnull => Input::Boolean,
            _ => Input::Text,
        })
    }

    pub fn integer(base: &str, column: &'static str, lookups: &[Lookup]) -> Vec<Self> {
        Self::compare(base, column, lookups, |lookup| match lookup {
            Range => Input::IntegerRange,
            Isnull => Input::Boolean,
            _ => Input::Integer,
        })
    }

    /// A number that may be absent.
    pub fn optional_integer(base: &str, column: &'static str) -> Vec<Self> {
        Self::integer(base, column, &[Exact, Ne, Lt, Lte, Gt, Gte, Range, Isnull])
    }

    pub fn date_time(base: &str, column: &'static str) -> Vec<Self> {
        Self::compare(base, column, &[Exact, Lt, Lte, Gt, Gte, Range, Isnull], |lookup| match lookup {
            Range => Input::DateTimeRange,
            Isnull => Input::Boolean,
            _ => Input::DateTime,
        })
    }

    pub fn boolean(name: &str, column: &'static str) -> Vec<Self> {
        Self::compare(name, column, &[Exact], |_| Input::Boolean)
    }

    pub fn custom(
        name: &str,
        input: Input,
        description: &str,
        apply: fn(&mut FilterContext<'_>, &str) -> Result<Clause>,
    ) -> Self {
        Self { name: name.to_owned(), input, apply: Apply::Custom(apply), description: description.to_owned() }
    }

    fn compare(base: &str, column: &'static str, lookups: &[Lookup], input: fn(Lookup) -> Input) -> Vec<Self> {
        let filter = |lookup: &Lookup| Self {
            name: format!("{base}{}", lookup.suffix()),
            input: input(*lookup),
            apply: Apply::Compare(column, *lookup),
            description: format!("Keep what has a `{base}` that {} this.", lookup.meaning())
                .replace(" , this", " this"),
        };
        lookups.iter().map(filter).collect()
    }

    /// The condition that `text` makes; none where an empty value means that the filter is not used.
    ///
    /// # Errors
    /// `InvalidBody` with the message Django's filters give.
    pub fn clause(&self, context: &mut FilterContext<'_>, text: &str) -> Result<Option<Clause>> {
        // PostgreSQL takes none in texts, and SQLite would compare what stands before it.
        if text.contains('\0') {
            return Err(self.invalid("Null characters are not allowed."));
        }
        if let Apply::Custom(apply) = self.apply {
            if let Input::Choice(choices) | Input::ChoiceList(choices) = &self.input {
                if text.is_empty() {
                    return Ok(None);
                }
                let given: Vec<_> =
                    if matches!(self.input, Input::Choice(_)) { vec![text] } else { text.split(',').collect() };
                if let Some(wrong) = given.iter().find(|choice| !choices.contains(*choice)) {
                    return Err(
                        self.invalid(&format!("Select a valid choice. {wrong} is not one of the available choices."))
                    );
                }
            }
            return apply(context, text).map(Some);
        }
        let Apply::Compare(column, lookup) = self.apply else { return Ok(None) };
        if text.is_empty() {
            return Ok(None);
        }
        self.compared(column, lookup, text)
    }

    fn compared(&self, column: &str, lookup: Lookup, text: &str) -> Result<Option<Clause>> {
        let one = |operator: &str, value: Value| Ok(Some(Clause::new(format!("{column} {operator} {{}}"), [value])));
        match lookup {
            Exact => one("=", self.value(text)?),
            // Django leaves rows without a value out here.
            Ne => one("<>", self.value(text)?),
            Gt => one(">", self.value(text)?),
            Gte => one(">=", self.value(text)?),
            Lt => one("<", self.value(text)?),
            Lte => one("<=", self.value(text)?),
            In => {
                let texts: Vec<String> = text.split(',').map(str::to_owned).collect();
                Ok(Some(Clause::new(format!("{column} = ANY({{}})"), [texts.into()])))
            }
            Iexact => Ok(Some(Clause::new(format!("lower({column}) = lower({{}})"), [text.into()]))),
            Contains => Ok(Some(like(column, format!("%{}%", escaped(text))))),
            Icontains => Ok(Some(ilike(column, format!("%{}%", escaped(text))))),
            Startswith => Ok(Some(like(column, format!("{}%", escaped(text))))),
            Istartswith => Ok(Some(ilike(column, format!("{}%", escaped(text))))),
            Regex | Iregex => {
                let pattern = if lookup == Iregex { format!("(?i){text}") } else { text.to_owned() };
                if text.len() > LONGEST_PATTERN || regex::Regex::new(&pattern).is_err() {
                    return Err(self.invalid("Enter a valid regular expression."));
                }
                one("~", pattern.into())
            }
            Range => {
                let [low, high] = self.two(text)?;
                Ok(Some(Clause::new(format!("{column} BETWEEN {{}} AND {{}}"), [low, high])))
            }
            Isnull => Ok(super::field::parse_boolean(&json!(text))
                .map(|absent| Clause::new(format!("{column} IS {}", if absent { "NULL" } else { "NOT NULL" }), []))),
        }
    }

    fn two(&self, text: &str) -> Result<[Value; 2]> {
        match text.split(',').collect::<Vec<_>>()[..] {
            [low, high] => Ok([self.value(low)?, self.value(high)?]),
            _ => Err(self.invalid("Range query expects two values.")),
        }
    }

    fn value(&self, text: &str) -> Result<Value> {
        match &self.input {
            Input::Integer | Input::IntegerRange => {
                text.trim().parse::<i64>().map(Value::Int).map_err(|_| self.invalid("Enter a number."))
            }
            Input::Number => text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::Real)
                .ok_or_else(|| self.invalid("Enter a number.")),
            Input::DateTime | Input::DateTimeRange => {
                parse_date_time(text).map(Value::Instant).ok_or_else(|| self.invalid("Enter a valid date/time."))
            }
            Input::Boolean => super::field::parse_boolean(&json!(text))
                .map(Value::Bool)
                .ok_or_else(|| self.invalid("Must be a valid boolean.")),
            _ => Ok(text.into()),
        }
    }

    fn invalid(&self, message: &str) -> Error {
        Error::field(&self.name, message)
    }
}

fn like(column: &str, pattern: String) -> Clause {
    Clause::new(format!("{column} LIKE {{}} ESCAPE '\\'"), [pattern.into()])
}

fn ilike(column: &str, pattern: String) -> Clause {
    Clause::new(format!("lower({column}) LIKE lower({{}}) ESCAPE '\\'"), [pattern.into()])
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A date or a point in time in the spellings Django takes; UTC where no offset is given.
pub(super) fn parse_date_time(text: &str) -> Option<Instant> {
    // A `+` in a query that was not percent-encoded arrives as a space.
    let text = text.trim().replace(' ', if text.matches(' ').count() == 1 && text.contains('T') { "+" } else { "T" });
    if let Ok(instant) = DateTime::parse_from_rfc3339(&text) {
        return Some(instant.with_timezone(&Utc));
    }
    if let Ok(instant) = DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(instant.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(naive) = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), format) {
            return Some(Utc.from_utc_datetime(&naive));
        }
    }
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)?;
    Some(Utc.from_utc_datetime(&day.and_hms_opt(0, 0, 0)?))
}

impl FilterContext<'_> {
    fn error(message: String) -> Error {
        Error::InvalidBody(json!([message]))
    }

    /// The distinct values of a text column of a format's table.
    pub fn distinct(&mut self, table: &str, column: &str) -> Result<Vec<String>> {
        let rows = self.conn.query(&format!("SELECT DISTINCT {column} FROM {table}"), &[])?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The object a filter's value points to.
    ///
    /// # Errors
    /// `InvalidBody` in Pulp's words when it is no reference or points to nothing.
    pub fn object(&mut self, text: &str, kind: Kind, noun: &str) -> Result<Id> {
        let registry = self.scope.registry;
        let reference =
            registry.parse(self.scope.api, text).ok_or_else(|| Self::error(format!("URI not valid: {text}")))?;
        let fits = match &reference {
            Reference::Object(at, _) => registry.resources[*at].kind == kind,
            Reference::Version { .. } | Reference::VersionId(_) => kind == Kind::RepositoryVersion,
            Reference::Collection(_) => false,
        };
        let found = if fits { registry.find(&self.scope, self.conn, &reference)? } else { None };
        found.ok_or_else(|| Self::error(format!("URI {text} not found for {noun}.")))
    }

    /// The (repository, version number) a filter's value points to: a version, or a repository's latest.
    pub fn version(&mut self, text: &str) -> Result<(Id, i64)> {
        if text.is_empty() {
            return Err(Self::error("No value supplied for repository version filter".into()));
        }
        let registry = self.scope.registry;
        let reference =
            registry.parse(self.scope.api, text).ok_or_else(|| Self::error(format!("URI not valid: {text}")))?;
        let noun = match &reference {
            Reference::Object(at, _) if registry.resources[*at].kind == Kind::Repository => {
                registry.resources[*at].model.to_ascii_lowercase()
            }
            _ => "repositoryversion".to_owned(),
        };
        let absent = || Self::error(format!("URI {text} not found for {noun}."));
        let found = registry.find(&self.scope, self.conn, &reference)?.ok_or_else(absent)?;
        let sql = match &reference {
            Reference::Object(at, _) if registry.resources[*at].kind == Kind::Repository => {
                "SELECT repository_id, max(number) FROM repository_version WHERE repository_id = $1 GROUP BY repository_id"
            }
            Reference::Version { .. } | Reference::VersionId(_) => {
                "SELECT repository_id, number FROM repository_version WHERE id = $1"
            }
            _ => return Err(absent()),
        };
        let row = self.conn.query_opt(sql, &[found.into()])?.ok_or_else(absent)?;
        Ok((row.get(0)?, row.get(1)?))
    }
}

/// The conditions of `pulp_label_select`: `k`, `!k`, `k=v`, `k!=v`, `k~part`, joined by commas (`\,` is a comma).
pub(super) fn label_select(text: &str) -> Result<Clause> {
    let terms = text.replace("\\,", "\u{0}");
    let clauses = terms.split(',').map(|term| label_term(&term.replace('\u{0}', ","))).collect::<Result<Vec<_>>>()?;
    Ok(Clause::joined(clauses, " AND "))
}

fn label_term(term: &str) -> Result<Clause> {
    let invalid = |message: String| Error::InvalidBody(Json::Array(vec![json!(message)]));
    let at = term.find(['=', '~']).filter(|at| *at > 0);
    let (key, operator, value) = match at {
        None => (term, "", ""),
        Some(at) if term[..at].ends_with('!') && &term[at..=at] == "=" => (&term[..at - 1], "!=", &term[at + 1..]),
        Some(at) => (&term[..at], &term[at..=at], &term[at + 1..]),
    };
    let key = key.trim();
    let (absent, name) = key.strip_prefix('!').map_or((false, key), |name| (true, name));
    if name.is_empty() || super::check_label(name, None).is_some() {
        return Err(invalid(format!("Invalid search term: '{term}'.")));
    }
    if absent && !operator.is_empty() {
        return Err(invalid(format!("Cannot use an operator with '{key}'.")));
    }
    let column = "(t.labels ->> {})";
    let key_is_set = Clause::new(label_present(), [Value::from(name)]);
    Ok(match operator {
        "" if absent => key_is_set.negated(),
        "" => key_is_set,
        "=" => Clause::new(format!("{column} = {{}}"), [name.into(), value.into()]),
        "!=" => Clause::joined(
            vec![key_is_set, Clause::new(format!("coalesce({column}, '') <> {{}}"), [name.into(), value.into()])],
            " AND ",
        ),
        _ => Clause::new(
            format!("lower({column}) LIKE lower({{}}) ESCAPE '\\'"),
            [name.into(), format!("%{}%", escaped(value)).into()],
        ),
    })
}

/// A key may be set to null, which `->>` does not tell from an absent one.
fn label_present() -> &'static str {
    "jsonb_exists(t.labels, {})"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_django_does() {
        for good in [
            "2026-01-01",
            "2026-01-01T00:00",
            "2026-01-01 00:00:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00+02:00",
        ] {
            assert!(parse_date_time(good).is_some(), "{good}");
        }
        for bad in ["abc", "2026", "2026-13-01", "21/01/12", "1700000000", ""] {
            assert!(parse_date_time(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn label_terms_are_read_or_refused() {
        for good in ["k", "!k", "k=v", "k!=v", "k~v", "k=", "a b=c", "k=a\\,b,l"] {
            assert!(label_select(good).is_ok(), "{good}");
        }
        for bad in ["", "=v", "!k=v", "a,,b", "@"] {
            assert!(label_select(bad).is_err(), "{bad}");
        }
        let clause = label_select("k=a\\,b").unwrap();
        assert_eq!(clause.params, [Value::from("k"), Value::from("a,b")]);
    }

    #[test]
    fn parameters_are_numbered_on() {
        let clause =
            Clause::joined(vec![Clause::new("a = {}", [1i64.into()]), Clause::new("b = {}", [2i64.into()])], " AND ");
        assert_eq!(clause.numbered(3), "(a = $4) AND (b = $5)");
    }
}
