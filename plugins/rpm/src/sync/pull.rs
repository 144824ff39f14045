//! Files that distributions fetch while a client waits: the remote's repository, file by file.

use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{Inspection, Pullable, PulledUnit, UpstreamFile};
use serde_json::Value as Json;

use super::address::below;
use crate::location;

/// Where the upstream has the file at a path of a distribution.
pub(crate) fn upstream_file(remote_url: &str, path: &str) -> Option<Pullable> {
    path.parse::<RelativePath>().ok()?;
    let path = location::normalize(path).ok()?;
    let file = UpstreamFile { url: below(remote_url, &path).ok()?, size: None, digests: vec![] };
    Some(Pullable { file, told: Json::Null })
}
