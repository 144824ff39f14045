//! Where an upstream has its files.

use pith_core::error::{Error, Result};
use pith_core::plugin::redacted;
use url::Url;

use crate::location;
use crate::text::excerpt;

/// The address of a file below a repository or another folder. What is escaped in the path stays so; the query of the
/// folder's address stays too, since tokens stand there.
///
/// # Errors
/// `Upstream` when the folder has no address that can be joined.
pub(crate) fn below(folder: &str, path: &str) -> Result<String> {
    let mut url = Url::parse(folder)
        .ok()
        .filter(|url| !url.cannot_be_a_base())
        .ok_or_else(|| Error::upstream(format!("not a valid URL: '{}'", redacted(folder))))?;
    let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    url.set_fragment(None);
    Ok(url.into())
}

/// The address of a file that metadata names by `href`, below the repository at `root` or, where metadata has that
/// (`xml:base`), below another server's folder.
///
/// # Errors
/// `Upstream` when the path leads out of its folder, or the folder is none of a web server.
pub(super) fn located(root: &str, base: &str, href: &str) -> Result<String> {
    let path = location::normalize(href).map_err(|problem| Error::upstream(problem.to_string()))?;
    if base.is_empty() {
        return below(root, &path);
    }
    let is_web = Url::parse(base).is_ok_and(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
    match is_web {
        true => below(base, &path),
        false => Err(Error::upstream(format!("the base `{}` of a location is no http(s) address", excerpt(base)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        for (folder, path, expected) in [
            ("http://h/a", "b/c.rpm", "http://h/a/b/c.rpm"),
            ("http://h/a/?token=1#f", "b c#?%2B^.rpm", "http://h/a/b%20c%23%3F%2B^.rpm?token=1"),
            ("http://h", "bind-32:9.rpm", "http://h/bind-32:9.rpm"),
            ("file:///srv/a", "b", "file:///srv/a/b"),
        ] {
            assert_eq!(below(folder, path).expect("an address"), expected);
        }
        below("mailto:a", "b").expect_err("no folder");
    }

    #[test]
    fn bases_are_other_web_servers() {
        let at = |base, href| located("http://h/r/", base, href);
        assert_eq!(at("", "./a//b.rpm").expect("an address"), "http://h/r/a/b.rpm");
        assert_eq!(at("https://g/x/", "b.rpm").expect("an address"), "https://g/x/b.rpm");
        for (base, href) in [
            ("", "../b"),
            ("", "//g/b"),
            ("", "http://g/b"),
            ("file:///etc", "passwd"),
            ("/x", "b"),
            ("../x", "b"),
            ("https://g/x", "../b"),
        ] {
            at(base, href).expect_err(href);
        }
    }
}
