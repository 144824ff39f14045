//! `file://` addresses: readable only below the paths the administrator allows for imports.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use super::failure::Failure;
use crate::error::Error;

/// Judges the `url` of a remote before it is stored. The error is the message for that field.
pub fn check_url(url: &str, allowed_import_paths: &[PathBuf]) -> Result<(), String> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    // The second form catches what URL parsers forgive: `http:user@host`.
    let parsed = Url::parse(url).ok();
    let has_credentials = |url: Url| !url.username().is_empty() || url.password().is_some();
    if authority.contains('@') || parsed.is_some_and(has_credentials) {
        return Err("The remote url contains username or password. Please use remote username or password \
                    instead."
            .into());
    }
    match url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")) {
        Some(_) => check_file(&url[5..], allowed_import_paths),
        None => Ok(()),
    }
}

fn check_file(rest: &str, allowed_import_paths: &[PathBuf]) -> Result<(), String> {
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    if !path.starts_with('/') {
        return Err(format!("The path '{path}' needs to be an absolute pathname."));
    }
    // Slashes in front are one to the system.
    let inner = path.trim_matches('/');
    if !inner.is_empty() && inner.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!("The path '{path}' is not normalized."));
    }
    let real = Url::parse(&format!("file://{path}"))
        .ok()
        .and_then(|url| url.to_file_path().ok())
        .and_then(|path| real_path(&path).ok());
    match real.filter(|real| host.is_empty() && is_allowed(real, allowed_import_paths)) {
        Some(_) => Ok(()),
        None => Err(format!("The path '{path}' does not start with any of the allowed import paths")),
    }
}

/// The real path of the file that `url` names, when it may be read. Blocks.
pub(super) fn readable_path(url: &Url, allowed_import_paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    let real = readable(url, allowed_import_paths)?;
    match real.is_file() {
        true => Ok(real),
        false => Err(Failure::refused(url, "cannot be read: not a regular file")),
    }
}

/// The same of a folder.
pub(super) fn readable_folder(url: &Url, allowed_import_paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    let real = readable(url, allowed_import_paths)?;
    match real.is_dir() {
        true => Ok(real),
        false => Err(Failure::refused(url, "cannot be read: not a folder")),
    }
}

fn readable(url: &Url, allowed_import_paths: &[PathBuf]) -> Result<PathBuf, Failure> {
    let path = url.to_file_path().map_err(|()| Failure::refused(url, "not a local path"))?;
    let real = path.canonicalize();
    // What is outside is refused alike whether it exists or not.
    match real_path(&path) {
        Ok(real) if is_allowed(&real, allowed_import_paths) => {}
        _ => return Err(Failure::refused(url, "the path is not below any of the allowed import paths")),
    }
    real.map_err(|error| unreadable(url, &error))
}

/// A server would say of what does not exist that it is not there.
fn unreadable(url: &Url, error: &io::Error) -> Failure {
    let text = format!("cannot be read: {error}, url='{}'", super::redacted(url.as_str()));
    match error.kind() {
        io::ErrorKind::NotFound => Failure::Missing(text),
        _ => Failure::Final(Error::Upstream(text)),
    }
}

/// Where a path that the administrator named really is, unless that is not below the allowed paths. Blocks.
pub fn allowed_path(path: &Path, allowed_import_paths: &[PathBuf]) -> Option<PathBuf> {
    real_path(path).ok().filter(|real| is_allowed(real, allowed_import_paths))
}

/// Resolves links as far as the path exists.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            // A link that leads nowhere could lead outside later.
            (Some(parent), Some(name)) if path.symlink_metadata().is_err() => Ok(real_path(parent)?.join(name)),
            _ => Err(error),
        },
        other => other,
    }
}

fn is_allowed(real: &Path, allowed_import_paths: &[PathBuf]) -> bool {
    allowed_import_paths
        .iter()
        .filter_map(|allowed| allowed.canonicalize().ok())
        .any(|allowed| real.starts_with(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_below_the_allowed_paths_only() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        std::os::unix::fs::symlink("/nowhere", root.join("dangling")).unwrap();
        let check = |url: &str| check_url(url, std::slice::from_ref(&root));
        let at = root.display();

        for url in [format!("file://{at}"), format!("file://{at}/not/yet"), format!("file://{at}/d/"), "http://".into()]
        {
            assert_eq!(check(&url), Ok(()), "{url}");
        }
        for (url, message) in [
            (format!("file://{at}/out/passwd"), "does not start with"),
            (format!("file://{at}/dangling/x"), "does not start with"),
            (format!("file://{at}-sibling/x"), "does not start with"),
            (format!("file://{at}/../x"), "is not normalized"),
            (format!("file://host{at}/x"), "does not start with"),
            ("FILE:///etc/passwd".into(), "does not start with"),
            ("file:relative".into(), "absolute pathname"),
            ("file://tmp".into(), "absolute pathname"),
            ("http://elladan@rivendell.org".into(), "username or password"),
            ("http://elladan:pass@rivendell.org/".into(), "username or password"),
            ("https:elladan:pass@rivendell.org/".into(), "username or password"),
        ] {
            assert!(check(&url).unwrap_err().contains(message), "{url}");
        }
    }
}
