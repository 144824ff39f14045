//! Files that distributions fetch while a client waits: the remote's repository, file by file.

use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{Inspection, Pullable, PulledUnit, UpstreamFile};
use serde_json::Value as Json;

use super::address::below;
use crate::content::package;
use crate::location;

/// Where the upstream has the file at a path of a distribution.
pub(crate) fn upstream_file(remote_url: &str, path: &str) -> Option<Pullable> {
    path.parse::<RelativePath>().ok()?;
    let path = location::normalize(path).ok()?;
    let file = UpstreamFile { url: below(remote_url, &path).ok()?, size: None, digests: vec![] };
    Some(Pullable { file, told: Json::Null })
}

/// The package that a file is; none of any other file, which is only passed on, so that metadata stays the upstream's.
///
/// # Errors
/// `Invalid` when what should be a package is none.
pub(crate) async fn unit(path: &str, file: &Inspection, changelog_limit: usize) -> Result<Option<PulledUnit>> {
    if !path.ends_with(".rpm") {
        return Ok(None);
    }
    let file = file.clone();
    let inspect = move || package::inspect(&file, changelog_limit);
    let inspected = tokio::task::spawn_blocking(inspect).await.map_err(Error::internal)??;
    Ok(Some(PulledUnit { content_type: package::PACKAGE, inspected, urls: vec![] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_below_the_remote() {
        let at = |path| upstream_file("http://h/r/?token=1", path).map(|found| found.file.url);
        assert_eq!(at("repodata/repomd.xml").as_deref(), Some("http://h/r/repodata/repomd.xml?token=1"));
        for path in ["../x", "a/%2e%2e/b", "/etc/passwd"] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}
