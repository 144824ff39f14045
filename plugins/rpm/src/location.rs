//! Paths inside a repository, as its metadata names them, before anything is done with them.

use crate::text::excerpt;

/// Path limits of the systems that have to hold the files.
const MAX_LENGTH: usize = 4096;

/// Why a path of some metadata is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    #[error("a location is empty")]
    Empty,
    #[error("a location has more than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the location `{0}` is absolute")]
    Absolute(String),
    #[error("the location `{0}` leads out of the repository")]
    Outside(String),
    #[error("the location `{0}` holds a control character or a backslash")]
    Character(String),
}

/// The relative path that a location says, without `.` and empty segments.
///
/// Refused are: what starts with a slash (so `//host/…`, too), what has a scheme (`file:`,
/// `http:`), and any `..`, be it written as `%2e%2e`.
pub fn normalize(location: &str) -> Result<String, LocationError> {
    if location.len() > MAX_LENGTH {
        return Err(LocationError::TooLong);
    }
    if location.chars().any(|c| c.is_control() || c == '\\') {
        return Err(LocationError::Character(excerpt(location)));
    }
    if location.starts_with('/') || has_scheme(location) {
        return Err(LocationError::Absolute(excerpt(location)));
    }
    let mut path = String::with_capacity(location.len());
    for segment in location.split('/') {
        let plain = undo_dots(segment);
        if plain == ".." || plain.contains('/') || plain.contains('\\') {
            return Err(LocationError::Outside(excerpt(location)));
        }
        if plain.is_empty() || plain == "." {
            continue;
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(segment);
    }
    if path.is_empty() || location.ends_with('/') {
        return Err(LocationError::Empty);
    }
    Ok(path)
}

/// The same for a folder, where nothing and `.` stand for the root (the empty path).
pub fn normalize_folder(location: &str) -> Result<String, LocationError> {
    let trimmed = location.trim_end_matches('/');
    if !location.starts_with('/') && trimmed.split('/').all(|segment| segment.is_empty() || segment == ".") {
        return Ok(String::new());
    }
    normalize(if trimmed.is_empty() { location } else { trimmed })
}

/// Letters, digits, `+-.` and a colon, before the first slash (RFC 3986).
fn has_scheme(location: &str) -> bool {
    let Some((scheme, _)) = location.split_once(':') else {
        return false;
    };
    // Epochs stand in file names as well: `bind-32:9.18-1.rpm`. A name with a dash and a digit
    // before the colon cannot be a scheme that any client knows.
    let is_scheme = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_scheme)
}

/// A segment with its escaped dots, slashes and backslashes made plain; others do not matter here.
fn undo_dots(segment: &str) -> String {
    let mut plain = segment.to_owned();
    for (escaped, c) in [("%2e", "."), ("%2E", "."), ("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%5C", "\\")] {
        plain = plain.replace(escaped, c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_followed() {
        for (location, expected) in [
            ("repodata/primary.xml.gz", "repodata/primary.xml.gz"),
            ("./Packages//a/b.rpm", "Packages/a/b.rpm"),
            ("Packages/b/bind-32:9.18-1.x86_64.rpm", "Packages/b/bind-32:9.18-1.x86_64.rpm"),
            ("bind-32:9.rpm", "bind-32:9.rpm"),
            ("a/...b/..c", "a/...b/..c"),
            ("a%20b+c#?.rpm", "a%20b+c#?.rpm"),
        ] {
            assert_eq!(normalize(location).as_deref(), Ok(expected));
        }
        for (location, expected) in [("", ""), (".", ""), ("./", ""), ("addons/Server/", "addons/Server"), ("a", "a")] {
            assert_eq!(normalize_folder(location).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn nothing_else_is() {
        let long = "a/".repeat(5000);
        for location in [
            "",
            "/",
            ".",
            "a/",
            "/etc/passwd",
            "//host/a",
            "../a",
            "a/../b",
            "a/..",
            "%2e%2e/a",
            "a/.%2E/b",
            "a/%2e./b",
            "file:///etc/passwd",
            "FILE:a",
            "http://host/a",
            "svn+ssh:x",
            "a\\..\\b",
            "..\\a",
            "a/..%2fb",
            "a/..%5cb",
            "a\0b",
            "a\nb",
            &long,
        ] {
            normalize(location).expect_err(location);
        }
        for location in ["/", "..", "a/../", "//", "file:/"] {
            normalize_folder(location).expect_err(location);
        }
    }
}
