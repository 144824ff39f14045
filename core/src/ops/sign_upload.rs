//! Uploads into repositories whose files are signed before they become units.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::inspect;
use crate::app::App;
use crate::db::{repositories, uploads};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::signing::{FileSigner, SignedBy, SignedFile, SignedHead};
use crate::storage::{DigestSet, Staged};

/// Bytes copied at once.
const BLOCK: usize = 256 << 10;

/// Where an upload goes, and under which correlation id.
#[derive(Clone, Copy)]
pub struct Into<'a> {
    /// The type of the unit: `file.file`.
    pub pulp_type: &'a str,
    pub repository: Option<Id>,
    pub cid: &'a str,
}

/// The file with the signature that its repository wants; as it is where none is wanted or it has it already.
///
/// # Errors
/// `Invalid` when it is none of the format's files; `Conflict` when the signing service fails.
pub async fn staged(app: &App, into: Into<'_>, mut file: Staged) -> Result<Staged> {
    let Some((signer, by)) = wanted(app, into).await? else { return Ok(file) };
    let path = file.on_disk().await?;
    Ok(signed(app, into, &signer, &by, &path).await?.unwrap_or(file))
}

/// The same of an upload that shall stay as it is: what comes of it is no part of the upload any more.
pub async fn staged_beside(app: &App, into: Into<'_>, file: Staged) -> Result<Staged> {
    let mut staged = staged(app, into, file).await?;
    match staged.is_upload() {
        true => {
            let path = staged.on_disk().await?;
            stage(app, SignedFile::Head(SignedHead { head: bytes::Bytes::new(), rest: 0 }), &path).await
        }
        false => Ok(staged),
    }
}

/// Whether files on their way there are signed.
pub async fn is_wanted(app: &App, into: Into<'_>) -> Result<bool> {
    Ok(wanted(app, into).await?.is_some())
}

/// Puts a file aside for a task that will sign it, as an upload: signing takes the time that a key, a script and a large
/// file need, and who asks does not wait for that.
pub async fn put_aside(app: &App, file: &Path) -> Result<Id> {
    let unreadable = |cause| Error::storage("a file to sign cannot be read", cause);
    let mut input = tokio::fs::File::open(file).await.map_err(unreadable)?;
    let size = input.metadata().await.map_err(unreadable)?.len();
    let (domain, whole) = (app.domain, i64::try_from(size).map_err(Error::internal)?);
    let upload = app.db.write(move |conn| uploads::insert(conn, domain, whole)).await?;
    let mut chunk = app.storage.stage_chunk(upload, 0, size, DigestSet::none()).await?;
    loop {
        let mut block = bytes::BytesMut::with_capacity(BLOCK);
        if input.read_buf(&mut block).await.map_err(unreadable)? == 0 {
            break;
        }
        chunk.write(block.freeze()).await?;
    }
    app.storage.put_chunk(upload, 0, chunk.finish().await?).await?;
    app.db.write(move |conn| uploads::put_chunk(conn, upload, 0, size)).await?;
    Ok(upload)
}

/// The same of an artifact.
pub async fn put_artifact_aside(app: &App, artifact: Id) -> Result<Id> {
    let (path, _copy) = inspect::readable(app, artifact).await?;
    put_aside(app, &path).await
}

async fn wanted(app: &App, into: Into<'_>) -> Result<Option<(Arc<dyn FileSigner>, SignedBy)>> {
    let signer = app.registry.plugin(into.pulp_type).and_then(|plugin| plugin.file_signer());
    let signer = signer.filter(|signer| signer.content_type() == into.pulp_type);
    let Some((signer, repository)) = signer.zip(into.repository) else { return Ok(None) };
    let settings = app.db.read(move |conn| repositories::settings(conn, repository)).await?;
    Ok(signer.wanted(&settings.details).map(|by| (signer, by)))
}

async fn signed(
    app: &App,
    into: Into<'_>,
    signer: &Arc<dyn FileSigner>,
    by: &SignedBy,
    file: &Path,
) -> Result<Option<Staged>> {
    let Some(signed) = app.signing.under(into.cid).sign_file(signer, by, file).await? else { return Ok(None) };
    stage(app, signed, file).await.map(Some)
}

pub(super) async fn stage(app: &App, signed: SignedFile, unsigned: &Path) -> Result<Staged> {
    let failed = |cause| Error::storage("the signed file cannot be read", cause);
    let mut writer = app.storage.stage(app.digests()?)?;
    // What a script gives back is held until it is copied.
    let (path, from, _held): (PathBuf, u64, Option<_>) = match signed {
        SignedFile::Head(head) => {
            writer.write(head.head).await?;
            (unsigned.to_owned(), head.rest, None)
        }
        SignedFile::Whole { path, folder } => (path, 0, Some(folder)),
    };
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
    loop {
        let mut block = bytes::BytesMut::with_capacity(BLOCK);
        if file.read_buf(&mut block).await.map_err(failed)? == 0 {
            return writer.finish().await;
        }
        writer.write(block.freeze()).await?;
        if let Some(limit) = app.config.largest_upload().filter(|limit| writer.size() > *limit) {
            return Err(Error::TooLarge(limit));
        }
    }
}
