//! Requirements (PEP 508), as far as they choose among the releases of a project.
//!
//! `name [extras] specifier ; marker`, where all but the name may be missing and the specifier may
//! stand in parentheses. Extras and markers are about an installation; they are read past. An
//! address (`name @ https://…`) chooses no release and is refused.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use crate::name::ProjectName;

/// Longer requirements are nobody's.
const MAX_LENGTH: usize = 4096;

/// Takes a requirement apart; no specifier means every version.
pub(super) fn parse(text: &str) -> Result<(ProjectName, Option<VersionSpecifiers>), String> {
    if text.len() > MAX_LENGTH {
        return Err("it is far too long".to_owned());
    }
    let (text, marker) = match text.split_once(';') {
        Some((text, marker)) => (text.trim(), Some(marker)),
        None => (text.trim(), None),
    };
    if marker.is_some_and(|marker| marker.trim().is_empty()) {
        return Err("it has an empty marker".to_owned());
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let name = ProjectName::parse(name).map_err(|error| error.to_string())?;
    Ok((name, specifier(behind_extras(rest.trim_start())?)?))
}

fn behind_extras(rest: &str) -> Result<&str, String> {
    let Some(inner) = rest.strip_prefix('[') else {
        return Ok(rest);
    };
    let (extras, rest) = inner.split_once(']').ok_or("it has no `]`")?;
    let mut names = extras.split(',').map(str::trim);
    if extras.trim().is_empty() || names.all(|name| ProjectName::parse(name).is_ok()) {
        return Ok(rest.trim_start());
    }
    Err("its extras are not names".to_owned())
}

fn specifier(rest: &str) -> Result<Option<VersionSpecifiers>, String> {
    let inner = match rest.strip_prefix('(') {
        Some(inner) => inner.strip_suffix(')').ok_or("it has no `)` at its end")?.trim(),
        None => rest,
    };
    if inner.is_empty() {
        return Ok(None);
    }
    if inner.starts_with('@') {
        return Err("it names an address, not versions".to_owned());
    }
    // The parser explains itself in further lines.
    let first = |error: String| error.lines().next().unwrap_or_default().to_owned();
    let set = VersionSpecifiers::from_str(inner).map_err(|error| first(error.to_string()))?;
    Ok(Some(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_specifier_are_told() {
        for (text, name, expected) in [
            ("foo", "foo", ""),
            ("  F.oo_o  ", "f-oo-o", ""),
            ("foo>=1,<2", "foo", ">=1, <2"),
            ("foo (>=1.0, !=1.5)", "foo", ">=1.0, !=1.5"),
            ("foo[a, b-c]~=1.4", "foo", "~=1.4"),
            ("foo[]==1.*", "foo", "==1.*"),
            ("foo ; python_version < '3'", "foo", ""),
            ("foo==1!2.0+local;sys_platform=='linux'", "foo", "==1!2.0+local"),
            ("foo ()", "foo", ""),
        ] {
            let (found, set) = parse(text).unwrap();
            assert_eq!(found.normalized(), name, "{text}");
            assert_eq!(set.map(|set| set.to_string()).unwrap_or_default(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in [
            "",
            " ",
            ">=1",
            "foo->=1",
            "-foo",
            "foo bar",
            "foo$3",
            "foo>=",
            "foo>=x",
            "foo>=1 <2",
            "foo>=1,",
            "foo[a",
            "foo[a b]",
            "foo (>=1",
            "foo;",
            "foo @ https://x.example/y",
            "foo@1",
            "föö",
            "foo\0",
            &long,
        ] {
            assert!(parse(text).is_err(), "{text:?} {:?}", parse(text));
        }
    }
}
