//! The path of a request, taken apart.

use percent_encoding::percent_decode_str;

/// The longest path that is looked up: a base path and a relative path.
const LONGEST: usize = 2 * 1024 + 1;
/// A base path has at most so many segments to be found.
const MOST_SEGMENTS: usize = 64;

/// Decodes what follows the prefix of the content face, once. None for what can name nothing: too long,
/// not UTF-8, a NUL, a `.` or `..` segment.
pub fn decode(raw: &str) -> Option<String> {
    let path = percent_decode_str(raw).decode_utf8().ok()?.into_owned();
    let is_sane =
        path.len() <= LONGEST && !path.contains('\0') && !path.split('/').any(|segment| matches!(segment, "." | ".."));
    is_sane.then_some(path)
}

/// The base paths under which `path` may be, shortest first.
pub fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let whole = (!path.is_empty() && !path.ends_with('/')).then_some(path.len());
    ends.chain(whole).take(MOST_SEGMENTS).map(|end| &path[..end])
}

/// The path without the slashes that clients write too many behind a base path, whose length is `base`.
pub fn without_extra_slashes(path: String, base: usize) -> String {
    match path.as_bytes().get(base..base + 2) {
        Some(b"//") => format!("{}/{}", &path[..base], path[base..].trim_start_matches('/')),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_never_climbs() {
        assert_eq!(decode("a%20b/c%2Fd").as_deref(), Some("a b/c/d"));
        assert_eq!(decode("a%2525").as_deref(), Some("a%25"));
        assert_eq!(decode("%C3%BC").as_deref(), Some("ü"));
        assert_eq!(decode("a%b").as_deref(), Some("a%b"));
        for bad in ["..", "a/../b", "a/%2e%2e/b", "a/%2E./b", "a/..%2fb", "a/./b", "%00", "%ff", &"x".repeat(5000)] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn slashes_behind_a_base_path_are_one() {
        for (path, expected) in
            [("a/b", "a/b"), ("a", "a"), ("a/", "a/"), ("a//", "a/"), ("a///b//c", "a/b//c"), ("a/b//c", "a/b//c")]
        {
            assert_eq!(without_extra_slashes(path.into(), 1), expected);
        }
    }

    #[test]
    fn every_folder_above_a_path_may_be_a_base_path() {
        assert_eq!(prefixes("a/b/c").collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
        assert_eq!(prefixes("a/").collect::<Vec<_>>(), ["a"]);
        assert_eq!(prefixes("").count(), 0);
        assert_eq!(prefixes("//").collect::<Vec<_>>(), ["/"]);
        assert_eq!(prefixes(&"a/".repeat(500)).count(), MOST_SEGMENTS);
    }
}
