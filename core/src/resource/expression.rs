//! The filter language of the `q` parameter: `name="a" AND NOT (state__in=failed,canceled OR …)`.
//! `NOT` binds tighter than `AND`, `AND` tighter than `OR`. Source: Pulp's documentation of complex filtering.

use serde_json::json;

use super::{Clause, Filter, FilterContext};
use crate::error::{Error, Result};

/// Each filter, each `NOT` and each group joined by one operator counts one.
const MOST_COMPLEX: usize = 8;
/// Parentheses and `NOT`s inside one another, so that the parser's depth is bounded.
const DEEPEST: usize = 64;

#[derive(Debug, PartialEq, Eq)]
enum Expression {
    Filter(String, String),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

/// The condition that the expression `text` makes with these filters.
///
/// # Errors
/// `Invalid` under `q`, in Pulp's words.
pub fn clause(filters: &[Filter], context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let expression = parse(text).ok_or_else(|| invalid("Syntax error in expression."))?;
    if expression.complexity() > MOST_COMPLEX {
        return Err(invalid("Filter expression exceeds allowed complexity."));
    }
    expression.clause(filters, context)
}

fn invalid(message: &str) -> Error {
    Error::field("q", message)
}

impl Expression {
    fn complexity(&self) -> usize {
        1 + match self {
            Self::Filter(..) => 0,
            Self::Not(inner) => inner.complexity(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::complexity).sum(),
        }
    }

    fn clause(&self, filters: &[Filter], context: &mut FilterContext<'_>) -> Result<Clause> {
        match self {
            Self::Filter(name, value) => {
                let filter = named(filters, name)?;
                let clause = filter.clause(context, value).map_err(nested)?;
                Ok(clause.unwrap_or_else(Clause::always))
            }
            Self::Not(inner) => Ok(inner.clause(filters, context)?.negated()),
            Self::And(parts) | Self::Or(parts) => {
                let clauses = parts.iter().map(|part| part.clause(filters, context)).collect::<Result<_>>()?;
                Ok(Clause::joined(clauses, if matches!(self, Self::And(_)) { " AND " } else { " OR " }))
            }
        }
    }
}

fn named<'a>(filters: &'a [Filter], name: &str) -> Result<&'a Filter> {
    match name {
        "q" => Err(invalid("You cannot use 'q' in complex filtering.")),
        "ordering" => Err(invalid("An ordering filter cannot be used in complex filtering.")),
        _ => filters
            .iter()
            .find(|filter| filter.name == name)
            .ok_or_else(|| invalid(&format!("Filter '{name}' does not exist."))),
    }
}

/// A filter's own complaint, in the form Pulp wraps it.
fn nested(error: Error) -> Error {
    let Error::Invalid(fields) = error else { return error };
    let fields: serde_json::Map<_, _> = fields
        .into_iter()
        .map(|(name, messages)| {
            let messages = messages.into_iter().map(|message| {
                let code = if message.starts_with("Select a valid choice") { "invalid_choice" } else { "invalid" };
                json!({"message": message, "code": code})
            });
            (name, messages.collect())
        })
        .collect();
    invalid(&python_json(&serde_json::Value::Object(fields)))
}

/// JSON with the blanks that Python's encoder puts after separators.
fn python_json(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", json!(key), python_json(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        serde_json::Value::Array(list) => {
            format!("[{}]", list.iter().map(python_json).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn parse(text: &str) -> Option<Expression> {
    let mut parser = Parser { rest: text, depth: 0 };
    let expression = parser.or()?;
    parser.skip_blanks();
    parser.rest.is_empty().then_some(expression)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Option<Expression> {
        self.group("OR", Self::and, Expression::Or)
    }

    fn and(&mut self) -> Option<Expression> {
        self.group("AND", Self::not, Expression::And)
    }

    fn group(
        &mut self,
        operator: &str,
        part: fn(&mut Self) -> Option<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Option<Expression> {
        let mut parts = vec![part(self)?];
        while self.keyword(operator) {
            parts.push(part(self)?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(join(parts)) }
    }

    fn not(&mut self) -> Option<Expression> {
        self.depth += 1;
        let expression = if self.depth > DEEPEST {
            None
        } else if self.keyword("NOT") {
            self.not().map(|inner| Expression::Not(Box::new(inner)))
        } else if self.symbol('(') {
            let inner = self.or()?;
            self.symbol(')').then_some(inner)
        } else {
            self.filter()
        };
        self.depth -= 1;
        expression
    }

    fn filter(&mut self) -> Option<Expression> {
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_')?;
        if !self.symbol('=') {
            return None;
        }
        let mut values = vec![self.value()?];
        while self.symbol(',') {
            values.push(self.value()?);
        }
        Some(Expression::Filter(name, values.join(",")))
    }

    fn value(&mut self) -> Option<String> {
        self.skip_blanks();
        match self.rest.chars().next()? {
            quote @ ('"' | '\'') => self.quoted(quote),
            _ => self.word(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '"' | '\'' | '=')),
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                c => value.push(c),
            }
        }
        None
    }

    fn word(&mut self, is_part: impl Fn(char) -> bool) -> Option<String> {
        self.skip_blanks();
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix(keyword) else { return false };
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '=') {
            return false;
        }
        self.rest = rest;
        true
    }

    fn symbol(&mut self, symbol: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_or_refused() {
        for good in [
            "name=a",
            "name=\"a b\"",
            "name='a'",
            "name=\"a\\\"b\"",
            "NOT NOT name=a",
            "(a=1 OR b=2) AND NOT c__in=1,2",
            "pulp_type__in=file.file,rpm.rpm",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "name",
            "name=",
            "name=a AND",
            "name=\"a\" AND (",
            "NOT",
            "name in a",
            "name=\"a\" \"b\"",
            "name=a b",
            "a=1 and b=2",
            "",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(parse(&"(".repeat(100_000)).is_none());
    }

    #[test]
    fn complexity_counts_filters_negations_and_groups() {
        let complexity = |text: &str| parse(text).unwrap().complexity();
        assert_eq!(complexity("a=1"), 1);
        assert_eq!(complexity("a=1 OR b=1 OR c=1 OR d=1 OR e=1 OR f=1 OR g=1 OR h=1"), 9);
        assert_eq!(complexity("(a=1 OR b=1) OR c=1 OR d=1 OR e=1 OR f=1 OR g=1"), 9);
        assert_eq!(complexity("(a=1 OR NOT b=1) OR c=1 OR d=1 OR e=1 OR f=1"), 9);
        assert_eq!(complexity("a=1 OR b=1 OR c=1 OR d=1 OR e=1 OR f=1 OR g=1"), 8);
    }
}
