//! Filters in the language of `jq`, as far as they pick a value: paths, comparisons, arithmetic, `if`, `//`, `as`,
//! arrays and objects, and the functions of [`functions`]. Definitions, loops, updates and modules are refused
//! when the filter is given.
//!
//! The grammar is read by `jaq-core`; what runs is our own, since a filter comes from a client and runs for each
//! reader. An interpreter of the whole language can be made to run for ever, or to end the process by recursion
//! without end; this one counts its steps, and how deep it goes is known when the filter is read.

mod convert;
mod eval;
mod functions;

use jaq_core::load::parse::Parser;
use jaq_core::load::{Lexer, lex};
use serde_json::Value as Json;

use convert::Expression;

/// The longest filter, in bytes.
const LONGEST: usize = 1000;
/// The reader of the grammar goes into itself for brackets and for what stands in front of others.
const DEEPEST: usize = 24;
const PREFIXES: usize = 48;

/// A filter that was understood.
#[derive(Debug)]
pub struct Filter(Expression);

impl Filter {
    /// # Errors
    /// What is wrong with the text, or what of the language it may not use.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST || depth(text) > DEEPEST || prefixes(text) > PREFIXES {
            return Err(format!("is too long or too deep; a filter has at most {LONGEST} bytes"));
        }
        let tokens = Lexer::new(text).lex().map_err(|errors| format!("cannot be read{}", place(&errors, text)))?;
        let term = Parser::new(&tokens).parse(|parser| parser.term()).map_err(|errors| {
            let found = errors.first().and_then(|(_, token)| token.map(|lex::Token(text, _)| *text));
            format!("cannot be read{}", found.map(|found| format!(" at `{found}`")).unwrap_or_default())
        })?;
        convert::expression(&term).map(Self)
    }

    /// The first output for this input; none when there is none, on an error, and when it takes too long.
    pub fn first(&self, input: &Json) -> Option<Json> {
        eval::first(&self.0, input)
    }
}

fn place(errors: &[lex::Error<&str>], text: &str) -> String {
    let rest = errors.first().map_or("", |(_, rest)| *rest);
    format!(" at byte {}", text.len() - rest.len())
}

/// How deep brackets are nested; those in texts count too.
fn depth(text: &str) -> usize {
    let deepest = text.bytes().scan(0usize, |depth, byte| {
        match byte {
            b'(' | b'[' | b'{' => *depth += 1,
            b')' | b']' | b'}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    deepest.max().unwrap_or(0)
}

fn prefixes(text: &str) -> usize {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words = words.filter(|word| matches!(*word, "if" | "try" | "def" | "label" | "reduce" | "foreach" | "as"));
    words.count() + text.matches('-').count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(filter: &str, input: Json, expected: Option<Json>) {
        assert_eq!(Filter::parse(filter).unwrap().first(&input), expected, "{filter}");
    }

    #[test]
    fn paths_pick_values() {
        let input = json!({"a": {"b": [1, {"c d": "x"}, null]}, "n": -2.5});
        let cases = [
            (".", Some(input.clone())),
            (".a.b[0]", Some(json!(1))),
            (".a.b[-2].\"c d\"", Some(json!("x"))),
            (".a.b[1][\"c d\"]", Some(json!("x"))),
            (".a.b[]", Some(json!(1))),
            (".a.b[9]", Some(Json::Null)),
            (".none.at.all", Some(Json::Null)),
            (".n.x", None),
            (".n.x?", None),
            (".n.x? // 7", Some(json!(7))),
            (".[0]", None),
            (".a | .b | .[1] | keys", Some(json!(["c d"]))),
            ("(.a | .b)[0]", Some(json!(1))),
        ];
        for (filter, expected) in cases {
            check(filter, input.clone(), expected);
        }
    }

    #[test]
    fn values_are_made_and_compared() {
        let input = json!({"roles": ["reader", "Writer"], "org": 12, "on": true});
        let cases = [
            ("if .on then \"yes\" else \"no\" end", Some(json!("yes"))),
            ("if .off then 1 elif .on then 2 end", Some(json!(2))),
            ("if any(.roles[]; . == \"reader\") then \"in\" else \"out\" end", None),
            ("if .roles | any(. == \"reader\") then \"in\" else \"out\" end", Some(json!("in"))),
            (".roles | map(ascii_downcase) | join(\",\")", Some(json!("reader,writer"))),
            (".roles[] | select(startswith(\"W\"))", Some(json!("Writer"))),
            (".org | tostring", Some(json!("12"))),
            (".org >= 12 and (.roles | length) == 2 and (.on | not | not)", Some(json!(true))),
            (".org * 2 + 1 - 5 / 2 % 2", Some(json!(25))),
            ("\"org-\" + (.org | tostring)", Some(json!("org-12"))),
            ("{org, \"r\": .roles[0], (.roles[1]): null}", Some(json!({"org": 12, "r": "reader", "Writer": null}))),
            (".roles as $r | .org as $o | [$r[0], $o]", Some(json!(["reader", 12]))),
            ("[.roles[], .org] | length", Some(json!(3))),
            (".roles | contains([\"read\"])", Some(json!(true))),
            ("has(\"org\"), has(\"x\")", Some(json!(true))),
            ("empty", None),
            ("first(empty, 3)", Some(json!(3))),
            ("try (.org | .x) catch \"caught\"", None),
            ("-.org", Some(json!(-12))),
            ("\"eyJhIjoxfQ\" | @base64d | fromjson | .a", Some(json!(1))),
        ];
        for (filter, expected) in cases {
            match Filter::parse(filter) {
                Ok(known) => assert_eq!(known.first(&input), expected, "{filter}"),
                Err(told) => assert!(expected.is_none(), "{filter}: {told}"),
            }
        }
    }

    #[test]
    fn what_may_not_be_used_is_named() {
        let cases = [
            ("def f: f; f", "definitions"),
            ("reduce .[] as $x (0; . + $x)", "`reduce`"),
            ("..", "`..`"),
            (".a = 1", "assignments"),
            (".a |= 1", "assignments"),
            ("range(10)", "`range/1`"),
            ("input", "`input/0`"),
            ("$__prog_args", "`$__prog_args`"),
            (".[1:2]", "slices"),
            ("\"a\\(.)\"", "texts"),
            (". as [$a] | $a", "patterns"),
            (".a |", "cannot be read"),
            ("{", "cannot be read"),
            ("", "cannot be read"),
            ("&", "cannot be read"),
        ];
        for (filter, expected) in cases {
            let told = Filter::parse(filter).unwrap_err();
            assert!(told.contains(expected), "{filter}: {told}");
        }
    }

    #[test]
    fn no_filter_runs_for_long_or_takes_much() {
        let wide = format!("[{}] | length", vec!["(0,1,2,3)"; 60].join(" + "));
        let doubled = format!("{}. == 1", "[., .] | ".repeat(80));
        let texts = format!("{}length", ". + . | ".repeat(80));
        for filter in [&wide, &doubled, &texts] {
            check(filter, json!("0123456789"), None);
        }
    }

    #[test]
    fn no_text_is_too_much_for_the_reader() {
        let hostile = [
            "(".repeat(1000),
            "[".repeat(500) + &"]".repeat(500),
            "-".repeat(1000),
            "try ".repeat(250),
            "if ".repeat(300),
            ".|".repeat(499) + ".",
            ".,".repeat(499) + ".",
            ".[".repeat(400),
            "\"\\(".repeat(300),
            "1 as $x|".repeat(120),
            ".?".to_owned() + &"?".repeat(900),
            "0+".repeat(499) + "0",
            "def f: ".repeat(140),
            "{a:".repeat(300),
            "é".repeat(500),
            ".".to_owned() + &".a".repeat(499),
            "{a:".repeat(20) + "1" + &"}".repeat(20),
        ];
        for text in hostile {
            if let Ok(filter) = Filter::parse(&text) {
                filter.first(&json!({"a": 1}));
            }
        }
    }
}
