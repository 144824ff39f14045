//! Whether an entry of an archive stays in the folder that it is unpacked into.

use super::Problem;

/// Refuses absolute paths, drive letters and `..`; both slashes separate, as Windows sees it.
pub(super) fn check(path: &[u8]) -> Result<(), Problem> {
    let separator = |b: &u8| matches!(b, b'/' | b'\\');
    let drive = path.len() > 1 && path[1] == b':' && path[0].is_ascii_alphabetic();
    let climbs = path.split(separator).any(|part| part == b"..");
    if path.is_empty() || path.contains(&0) || drive || climbs || separator(&path[0]) {
        let shown = show(path);
        return Err(Problem::archive(format!("the entry `{shown}` would be unpacked outside of the archive's folder")));
    }
    Ok(())
}

/// Whether a link at `from` (a path inside) that points to `target` stays inside.
pub(super) fn symlink_stays_inside(from: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target.contains(&0) || target.contains(&b'\\') || target[0] == b'/' {
        return false;
    }
    let depth = parts(from).count().saturating_sub(1);
    let mut depth = depth as i64;
    for part in parts(target) {
        depth += if part == b".." { -1 } else { 1 };
        if depth < 0 {
            return false;
        }
    }
    true
}

/// How deep an entry lies: `a/PKG-INFO` is 1.
pub(super) fn depth(path: &[u8]) -> usize {
    parts(path).count().saturating_sub(1)
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// An entry's name as an error message may hold it.
pub(super) fn show(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(&path[..path.len().min(100)]);
    text.escape_debug().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (path, fine) in [
            ("a/b", true),
            ("./a", true),
            ("a/..b", true),
            ("", false),
            ("/etc/passwd", false),
            ("a/../../b", false),
            ("..", false),
            ("\\a", false),
            ("a\\..\\..\\b", false),
            ("C:\\a", false),
            ("c:a", false),
            ("a\0", false),
        ] {
            assert_eq!(check(path.as_bytes()).is_ok(), fine, "{path:?}");
        }
    }

    #[test]
    fn links_stay_inside() {
        for (from, target, fine) in [
            ("p/a", "b", true),
            ("p/d/a", "../b", true),
            ("p/a", "../other", true),
            ("p/a", "../../b", false),
            ("p/a", "x/../../../b", false),
            ("p/a", "/etc/passwd", false),
            ("p/a", "", false),
        ] {
            let inside = symlink_stays_inside(from.as_bytes(), target.as_bytes());
            assert_eq!(inside, fine, "{from} -> {target}");
        }
    }
}
