//! Addresses: joining, containment and what of them may be shown.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What RFC 3986 lets stand unencoded in a path, and the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Replaces the last segment of `base` by a file path, which is encoded literally (`%` too). The query of
/// `base` stays, as in Pulp: tokens stand there. The result may lead out of the directory of `base` when
/// `relative` does; ask [`is_below`].
pub fn resolve(base: &str, relative: &str) -> String {
    let encoded = utf8_percent_encode(relative, PATH).to_string();
    let Ok(mut url) = Url::parse(base) else {
        return encoded;
    };
    let path = match encoded.strip_prefix('/') {
        Some(_) => encoded,
        None => format!("{}{encoded}", directory(&url)),
    };
    url.set_path(&path);
    url.set_fragment(None);
    url.into()
}

/// Appends a path, as it is written, to that of `base`, with one slash between them; the query of `base` stays.
pub fn join_path(base: &str, path: &str) -> String {
    if path.is_empty() {
        return base.to_owned();
    }
    let (address, query) = base.split_once('?').map_or((base, None), |(address, query)| (address, Some(query)));
    let joined = format!("{}/{path}", address.trim_end_matches('/'));
    query.map_or(joined.clone(), |query| format!("{joined}?{query}"))
}

/// Resolves a URL reference (a link of a page, the location of a package) as RFC 3986 does. `None` when
/// the result is not a URL.
pub fn join_reference(base: &str, reference: &str) -> Option<String> {
    Some(Url::parse(base).ok()?.join(reference).ok()?.into())
}

/// Whether `url` is on the same server as `base` and in its directory or below, after `..` is resolved.
pub fn is_below(base: &str, url: &str) -> bool {
    let (Ok(base), Ok(url)) = (Url::parse(base), Url::parse(url)) else {
        return false;
    };
    base.scheme() == url.scheme()
        && base.host() == url.host()
        && base.port_or_known_default() == url.port_or_known_default()
        && url.path().starts_with(directory(&base))
}

/// The address without user name, password, query and fragment: for errors and logs.
pub fn redacted(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => redact(&url),
        Err(_) => redact_text(url),
    }
}

pub(super) fn redact(url: &Url) -> String {
    // `user:password@host` without its scheme is a URL whose scheme is the user's name.
    if url.cannot_be_a_base() {
        return redact_text(url.as_str());
    }
    let mut url = url.clone();
    forget_credentials(&mut url);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn redact_text(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('@').next().unwrap_or_default().to_owned()
}

/// Credentials inside a URL are never used: they would override those of the remote.
pub(super) fn forget_credentials(url: &mut Url) {
    // Both fail only for addresses that cannot carry credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// Whether what is meant for `home` may be sent to `url`: the same server, or its encrypted self.
pub(super) fn may_know_secrets(home: &Url, url: &Url) -> bool {
    let upgraded = home.scheme() == "http" && url.scheme() == "https" && home.port().is_none() && url.port().is_none();
    home.host() == url.host()
        && (upgraded || home.scheme() == url.scheme() && home.port_or_known_default() == url.port_or_known_default())
}

/// The path up to and including its last slash.
fn directory(url: &Url) -> &str {
    url.path().rfind('/').map_or("/", |slash| &url.path()[..=slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_path_is_encoded_into_the_directory_of_the_manifest() {
        for (base, relative, expected) in [
            ("http://h/a/PULP_MANIFEST", "1.iso", "http://h/a/1.iso"),
            ("http://h", "x", "http://h/x"),
            ("http://h/a/", "b c/#1?%41\\.iso", "http://h/a/b%20c/%231%3F%2541%5C.iso"),
            ("http://h/a/M?token=1#f", "ü~+", "http://h/a/%C3%BC~+?token=1"),
            ("http://h/a/M", "../../etc", "http://h/etc"),
            ("http://h/a/M", "/etc", "http://h/etc"),
            ("file:///srv/a/M", "b c", "file:///srv/a/b%20c"),
        ] {
            assert_eq!(resolve(base, relative), expected);
        }
    }

    #[test]
    fn a_path_is_appended() {
        for (base, path, expected) in [
            ("http://h/a/M", "", "http://h/a/M"),
            ("http://h", "b/M", "http://h/b/M"),
            ("http://h/a/", "b/", "http://h/a/b/"),
            ("http://h/a?token=1", "b", "http://h/a/b?token=1"),
        ] {
            assert_eq!(join_path(base, path), expected);
        }
    }

    #[test]
    fn below_means_same_server_and_same_directory() {
        for (base, url, expected) in [
            ("http://h/a/M", "http://h/a/b", true),
            ("http://h/a/M", "http://h:80/a/b/c", true),
            ("http://h/a/M", "http://h/ab", false),
            ("http://h/a/M", "http://h/a/%2e%2e/b", false),
            ("http://h/a/M", "http://g/a/b", false),
            ("http://h/a/M", "https://h/a/b", false),
            ("http://h/a/M", "file:///a/b", false),
            ("file:///a/M", "file:///a/../b", false),
        ] {
            assert_eq!(is_below(base, url), expected, "{base} {url}");
        }
    }

    #[test]
    fn what_is_shown_has_no_secrets() {
        assert_eq!(redacted("https://u:p@h/a?token=1#f"), "https://h/a");
        for text in ["u:p@[bad?token", "http://u:p@[bad#f"] {
            assert_eq!(redacted(text), "[bad");
        }
    }

    #[test]
    fn secrets_stay_with_the_server() {
        let ask = |home: &str, url: &str| may_know_secrets(&Url::parse(home).unwrap(), &Url::parse(url).unwrap());
        assert!(ask("http://h/a", "http://h/b"));
        assert!(ask("http://h/a", "https://h/b"));
        assert!(!ask("https://h/a", "http://h/b"));
        assert!(!ask("http://h:8080/a", "http://h/b"));
        assert!(!ask("http://h/a", "http://g/a"));
    }
}
