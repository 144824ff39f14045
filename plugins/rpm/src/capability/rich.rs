//! Dependencies as text: `a >= 1`, and boolean expressions (rpm 4.13): `(a or (b >= 2 if c))`.

use crate::evr;
use crate::package::Dependency;
use crate::text::excerpt;

/// rpm's own packages nest three deep.
const MAX_DEPTH: usize = 16;

/// The longest text.
const MAX_LENGTH: usize = 64 << 10;

/// What a dependency asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One capability.
    Capability(Dependency),
    /// All of them, by any packages.
    And(Vec<Expression>),
    /// One of them at least.
    Or(Vec<Expression>),
    /// All of them, by one package.
    With(Vec<Expression>),
    /// The first by a package that does not have the second.
    Without(Box<Expression>, Box<Expression>),
    /// `then`, if there is the condition, or else what is said for that case.
    If { then: Box<Expression>, condition: Box<Expression>, otherwise: Option<Box<Expression>> },
    /// `then`, unless there is the condition (for conflicts), or else what is said for that case.
    Unless { then: Box<Expression>, condition: Box<Expression>, otherwise: Option<Box<Expression>> },
}

/// Why a text is no dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a dependency that can be read")]
pub struct RichError(String);

impl Expression {
    /// Reads a name with or without a version, or an expression in parentheses.
    pub fn parse(text: &str) -> Result<Self, RichError> {
        let wrong = || RichError(excerpt(text));
        if text.len() > MAX_LENGTH {
            return Err(wrong());
        }
        let mut words = Words { rest: text.trim() };
        let expression = operand(&mut words, 0).ok_or_else(wrong)?;
        if words.rest.is_empty() { Ok(expression) } else { Err(wrong()) }
    }

    /// All capabilities that are named, from left to right.
    pub fn capabilities(&self) -> Vec<&Dependency> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Dependency>) {
        match self {
            Self::Capability(dependency) => found.push(dependency),
            Self::And(list) | Self::Or(list) | Self::With(list) => list.iter().for_each(|item| item.collect(found)),
            Self::Without(first, second) => {
                first.collect(found);
                second.collect(found);
            }
            Self::If { then, condition, otherwise } | Self::Unless { then, condition, otherwise } => {
                then.collect(found);
                condition.collect(found);
                otherwise.iter().for_each(|item| item.collect(found));
            }
        }
    }
}

/// Words between spaces; parentheses count inside of words only if they are balanced there.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let mut open = 0_usize;
        let ends = |(_, c): &(usize, char)| match c {
            '(' => {
                open += 1;
                false
            }
            ')' if open > 0 => {
                open -= 1;
                false
            }
            ')' => true,
            c => c.is_whitespace(),
        };
        let end = self.rest.char_indices().find(ends).map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return None;
        }
        self.rest = rest.trim_start();
        Some(word)
    }

    fn peek(&self) -> Option<&'a str> {
        Self { rest: self.rest }.next()
    }
}

/// A capability, or an expression with its parentheses.
fn operand(words: &mut Words<'_>, depth: usize) -> Option<Expression> {
    if depth == MAX_DEPTH {
        return None;
    }
    if !words.eat('(') {
        return capability(words);
    }
    let first = operand(words, depth + 1)?;
    let expression = match words.peek() {
        None => first,
        Some(operator @ ("and" | "or" | "with")) => {
            let mut list = vec![first];
            while words.peek() == Some(operator) {
                words.next();
                list.push(operand(words, depth + 1)?);
            }
            match operator {
                "and" => Expression::And(list),
                "or" => Expression::Or(list),
                _ => Expression::With(list),
            }
        }
        Some("without") => {
            words.next();
            Expression::Without(Box::new(first), Box::new(operand(words, depth + 1)?))
        }
        Some(operator @ ("if" | "unless")) => {
            words.next();
            let (then, condition) = (Box::new(first), Box::new(operand(words, depth + 1)?));
            let otherwise = if words.peek() == Some("else") {
                words.next();
                Some(Box::new(operand(words, depth + 1)?))
            } else {
                None
            };
            if operator == "if" {
                Expression::If { then, condition, otherwise }
            } else {
                Expression::Unless { then, condition, otherwise }
            }
        }
        Some(_) => return None,
    };
    words.eat(')').then_some(expression)
}

fn capability(words: &mut Words<'_>) -> Option<Expression> {
    let name = words.next()?.to_owned();
    let flags = match words.peek() {
        Some("=" | "==") => "EQ",
        Some("<") => "LT",
        Some(">") => "GT",
        Some("<=" | "=<") => "LE",
        Some(">=" | "=>") => "GE",
        _ => return Some(Expression::Capability(Dependency { name, ..Dependency::default() })),
    };
    words.next();
    let (epoch, version, release) = evr::split(words.next()?);
    Some(Expression::Capability(Dependency {
        name,
        flags: flags.to_owned(),
        epoch: epoch.unwrap_or("0").to_owned(),
        version: version.to_owned(),
        release: release.to_owned(),
        pre: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a text with a sign for each kind.
    fn shown(expression: &Expression) -> String {
        let list = |list: &[Expression], sign: &str| list.iter().map(shown).collect::<Vec<_>>().join(sign);
        let rest = |otherwise: &Option<Box<Expression>>| {
            otherwise.as_ref().map(|otherwise| format!(" : {}", shown(otherwise))).unwrap_or_default()
        };
        match expression {
            Expression::Capability(item) if item.flags.is_empty() => item.name.clone(),
            Expression::Capability(item) => {
                format!("{}[{} {}:{}-{}]", item.name, item.flags, item.epoch, item.version, item.release)
            }
            Expression::And(items) => format!("({})", list(items, " & ")),
            Expression::Or(items) => format!("({})", list(items, " | ")),
            Expression::With(items) => format!("({})", list(items, " + ")),
            Expression::Without(a, b) => format!("({} - {})", shown(a), shown(b)),
            Expression::If { then, condition, otherwise } => {
                format!("({} ? {}{})", shown(condition), shown(then), rest(otherwise))
            }
            Expression::Unless { then, condition, otherwise } => {
                format!("(!{} ? {}{})", shown(condition), shown(then), rest(otherwise))
            }
        }
    }

    #[test]
    fn dependencies_are_read() {
        for (text, expected) in [
            ("a", "a"),
            ("libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"),
            ("a >= 1:2.0-3", "a[GE 1:2.0-3]"),
            ("(a or b)", "(a | b)"),
            ("( a  and b and (c or d = 1) )", "(a & b & (c | d[EQ 0:1-]))"),
            ("(a >= 1 with a < 2)", "(a[GE 0:1-] + a[LT 0:2-])"),
            ("(a without b)", "(a - b)"),
            ("(a if b)", "(b ? a)"),
            ("(a >= 1.1 if b else c < 0.5-2)", "(b ? a[GE 0:1.1-] : c[LT 0:0.5-2])"),
            ("((a and b) unless c)", "(!c ? (a & b))"),
            ("(pkgconfig(x) = 1 or python3dist(y[z]) > 2)", "(pkgconfig(x)[EQ 0:1-] | python3dist(y[z])[GT 0:2-])"),
            ("(a)", "a"),
        ] {
            let expression = Expression::parse(text).expect(text);
            assert_eq!(shown(&expression), expected);
        }
        let names = |text| -> Vec<String> {
            let expression = Expression::parse(text).expect(text);
            expression.capabilities().into_iter().map(|item| item.name.clone()).collect()
        };
        assert_eq!(names("((a without b) if c else (d or e))"), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn what_is_no_dependency_is_refused() {
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        let long = format!("(a{})", " or a".repeat(100_000));
        for text in [
            "",
            " ",
            "()",
            "(a",
            "a)",
            "(a or)",
            "(a or b",
            "(or a)",
            "(a b)",
            "(a and b or c)",
            "(a if)",
            "a >=",
            "(a >= )",
            "(a if b else)",
            "(a or b) c",
            "a = 1 b",
            &deep,
            &long,
        ] {
            Expression::parse(text).expect_err("a refusal");
        }
    }
}
