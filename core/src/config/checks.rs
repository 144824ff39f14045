//! What the texts and lists of the table of keys may be; each check says what is wrong and how it is done.

use std::path::Path;

use url::Url;

use super::addresses::{DatabaseAddress, Network, StorageAddress};
use super::kind::quoted;

pub fn any_text(_: &str) -> Result<(), String> {
    Ok(())
}

pub fn listen_address(text: &str) -> Result<(), String> {
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map_or(host, |inside| inside);
        !host.is_empty() && !host.contains(['/', '[', ']', ' ']) && port.parse::<u16>().is_ok()
    });
    // An IPv6 address without brackets hides which of its colons begins the port.
    let ambiguous = !text.starts_with('[') && text.matches(':').count() > 1;
    if fits && !ambiguous { Ok(()) } else { Err("must be ADDRESS:PORT, as `127.0.0.1:8080` or `[::]:8080`".into()) }
}

pub fn roles(names: &[&str]) -> Result<(), String> {
    if names.is_empty() {
        return Err("must name at least one of `api`, `content`, `worker`".into());
    }
    all_of(names, &["api", "content", "worker"])
}

/// Keys hold secrets of the server itself, which no guard may try out.
pub fn variable_names(names: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| name.is_empty() || name.contains(['=', '\0']) || name.starts_with("PITH_")) {
        None => Ok(()),
        Some(name) => Err(format!("`{name}` is not a variable that a guard may name")),
    }
}

pub fn checksums(names: &[&str]) -> Result<(), String> {
    all_of(names, &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])?;
    if names.contains(&"sha256") { Ok(()) } else { Err("must contain `sha256`: files are kept under it".into()) }
}

pub fn diagnostics(names: &[&str]) -> Result<(), String> {
    all_of(names, &["memory"])
}

fn all_of(names: &[&str], known: &[&str]) -> Result<(), String> {
    match names.iter().enumerate().find(|(at, name)| !known.contains(name) || names[..*at].contains(name)) {
        Some((_, name)) if known.contains(name) => Err(format!("names `{name}` twice")),
        Some((_, name)) => Err(format!("must be made of {}; found `{}`", quoted(known), name.escape_debug())),
        None => Ok(()),
    }
}

pub fn absolute_paths(paths: &[&str]) -> Result<(), String> {
    match paths.iter().find(|path| !Path::new(path).is_absolute() || path.split('/').any(|part| part == "..")) {
        Some(path) => Err(format!("must be absolute folders without `..`; found `{}`", path.escape_debug())),
        None => Ok(()),
    }
}

pub fn header_name(text: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.bytes().all(fits) { Ok(()) } else { Err("must be the name of a header, as `X-Remote-User`".into()) }
}

/// The name behind the last `=` is that of a group here, which has none.
pub fn pairs(texts: &[&str]) -> Result<(), String> {
    let is_pair = |text: &&str| text.rsplit_once('=').is_some_and(|(one, other)| !one.is_empty() && !other.is_empty());
    match texts.iter().find(|text| !is_pair(text)) {
        None => Ok(()),
        Some(text) => Err(format!("must be pairs, as `theirs=ours`; found `{}`", text.escape_debug())),
    }
}

pub fn networks(texts: &[&str]) -> Result<(), String> {
    texts.iter().try_for_each(|text| text.parse::<Network>().map(drop))
}

pub fn absolute_path(path: &str) -> Result<(), String> {
    absolute_paths(&[path]).map_err(|_| "must be an absolute path without `..`".into())
}

pub fn slashed_path(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let fits = text.starts_with('/')
        && text.ends_with('/')
        && text.chars().all(plain)
        && !text.contains("//")
        && !text.split('/').any(|part| matches!(part, "." | ".."));
    if fits { Ok(()) } else { Err("must be a path that starts and ends with `/`, as `/pulp/`".into()) }
}

pub fn http_address(text: &str) -> Result<(), String> {
    let fits = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    if fits { Ok(()) } else { Err("must be an address such as `https://s3.example.org`".into()) }
}

pub fn origin(text: &str) -> Result<(), String> {
    let fits = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text.to_ascii_lowercase()
    });
    if fits {
        return Ok(());
    }
    Err("must be a scheme and a host without a path, as `https://packages.example.org`".into())
}

pub fn database(text: &str) -> Result<(), String> {
    text.parse::<DatabaseAddress>().map(drop)
}

pub fn storage(text: &str) -> Result<(), String> {
    text.parse::<StorageAddress>().map(drop)
}
