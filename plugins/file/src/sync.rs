//! Reading an upstream: its manifest, streamed, each line a unit.

use pith_core::error::{Error, Result};
use pith_core::plugin::{Pullable, SyncJob, UpstreamFile, Wanted, resolve_url};
use serde_json::json;

use crate::manifest::{Entry, Parser};
use crate::{PULP_TYPE, content, publish};

/// The largest manifest: tens of millions of lines.
const LARGEST_MANIFEST: u64 = 16 << 30;

pub(crate) async fn sync(job: &SyncJob) -> Result<()> {
    let mut manifest = job.metadata_file(&job.remote.url, LARGEST_MANIFEST).await?;
    let seen = json!({
        "url": job.remote.url,
        "mirror": job.options.mirror,
        "remote_pk": job.remote.id,
        "download_policy": job.remote.policy,
        "manifest_checksum": manifest.sha256,
    });
    if job.is_unchanged(seen) {
        return Ok(());
    }
    let parsing = job.progress("Parsing Metadata Lines", "sync.parsing.metadata", None);
    let mut parser = Parser::default();
    let mut count = 0;
    while let Some(piece) = manifest.next().await? {
        let entries = parser.feed(&piece).map_err(|error| Error::upstream(error.to_string()))?;
        count += entries.len() as i64;
        parsing.add(entries.len() as i64);
        for entry in entries {
            want(job, entry).await?;
        }
    }
    if let Some(entry) = parser.finish().map_err(|error| Error::upstream(error.to_string()))? {
        count += 1;
        parsing.add(1);
        want(job, entry).await?;
    }
    parsing.set_total(count);
    parsing.finish();
    if job.options.mirror {
        job.publish(publish::details(&job.repository.details));
    }
    Ok(())
}

async fn want(job: &SyncJob, entry: Entry) -> Result<()> {
    let upstream = UpstreamFile {
        url: job.resolve(entry.relative_path.as_str()),
        size: Some(entry.size),
        digests: vec![("sha256", entry.sha256.to_string())],
    };
    let unit = content::unit(entry.relative_path, entry.sha256);
    job.want(PULP_TYPE, Wanted { unit, files: vec![upstream], group: None, pinned: vec![] }).await
}

/// A remote that distributions pull through is a folder of files, or the manifest in it.
pub(crate) fn upstream_file(remote_url: &str, path: &str) -> Option<Pullable> {
    path.parse::<pith_core::id::RelativePath>().ok()?;
    let file = UpstreamFile { url: resolve_url(remote_url, path), size: None, digests: vec![] };
    Some(Pullable { file, told: json!(null) })
}
