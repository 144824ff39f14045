//! A store in a bucket that speaks S3.

use std::io::Read;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::spawn_blocking;

use super::chunk::Chunk;
use super::paths::{self, Keys};
use super::staging::{Body, Staged, StagedReader};
use super::{ByteStream, StorageConfig, boxed, failed};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};

/// Above this size a file is sent in parts; S3 wants at least 5 MiB per part.
const PART: u64 = 8 << 20;
/// S3 takes no more parts than these, so large files have larger ones.
const MOST_PARTS: u64 = 10_000;
/// Parts under way at once, each in memory.
const PARTS_TOGETHER: usize = 4;
/// A connection that answers nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// No retry starts later than this after the first try.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a signed address is good, where nothing is configured. Each is made for one request.
const SIGNED_FOR: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub(super) struct Bucket {
    store: AmazonS3,
    keys: Keys,
    signed_for: Duration,
    /// What is said of a bucket that cannot be used.
    unusable: String,
}

impl Bucket {
    /// `address` is `bucket/prefix`.
    pub fn new(config: &StorageConfig, address: &str) -> Result<Self> {
        // The HTTP client insists on a provider even for plain HTTP; an earlier one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (name, prefix) = address.split_once('/').unwrap_or((address, ""));
        let unusable = format!("cannot use the bucket `{name}`");
        let store = build(config, name).map_err(|cause| Error::storage(unusable.clone(), cause))?;
        let (keys, signed_for) = (Keys::new(prefix, config.domain), config.signed_for.unwrap_or(SIGNED_FOR));
        Ok(Self { store, keys, signed_for, unusable })
    }

    /// Asks whether the bucket can be used.
    pub async fn try_out(&self) -> Result<()> {
        self.ask().await.map_err(|cause| Error::storage(self.unusable.as_str(), cause))
    }

    /// Whether it answers.
    pub async fn probe(&self) -> Result<()> {
        self.ask().await.map_err(|cause| Error::storage("the bucket does not answer", cause))
    }

    async fn ask(&self) -> object_store::Result<()> {
        // Nothing is ever there, so the answer is short.
        let probe = Path::from(self.keys.staging());
        self.store.list(Some(&probe)).try_next().await.map(drop)
    }

    fn artifact(&self, sha256: &Sha256) -> Path {
        Path::from(self.keys.artifact(sha256))
    }

    pub async fn keep(&self, staged: Staged) -> Result<()> {
        let (to, what) = (self.artifact(&staged.digests.sha256), format!("cannot store `{}`", staged.digests.sha256));
        self.send(&to, staged.size, &staged.body, &what).await
    }

    pub async fn put_chunk(&self, upload: Id, offset: u64, chunk: Chunk) -> Result<()> {
        let to = Path::from(self.keys.upload_chunk(upload, offset));
        self.send(&to, chunk.size, &chunk.body, "cannot store the chunk").await
    }

    async fn send(&self, to: &Path, size: u64, body: &Body, what: &str) -> Result<()> {
        if let Some(bytes) = body.in_memory() {
            return self.put(to, bytes.clone(), what).await;
        }
        if size <= PART {
            let bytes = next_part(body.reader()?, size).await?.0;
            return self.put(to, bytes, what).await;
        }
        let mut upload = self.store.put_multipart(to).await.map_err(|cause| Error::storage(what, cause))?;
        let sent = send_parts(upload.as_mut(), size, body, what).await;
        if sent.is_err() {
            // The first error is the one to report; parts left behind cost space until the bucket expires them.
            if let Err(error) = upload.abort().await {
                tracing::warn!(key = %to, %error, "an unfinished multipart upload could not be removed");
            }
        }
        sent
    }

    async fn put(&self, to: &Path, bytes: Bytes, what: &str) -> Result<()> {
        self.store.put(to, bytes.into()).await.map(drop).map_err(|cause| Error::storage(what, cause))
    }

    pub async fn stream(&self, sha256: &Sha256, range: Option<Range<u64>>) -> Result<ByteStream> {
        if range.as_ref().is_some_and(|range| range.is_empty()) {
            return Ok(boxed(futures_util::stream::empty()));
        }
        self.read(&self.artifact(sha256), range, format!("cannot read `{sha256}`")).await
    }

    pub async fn chunk(&self, upload: Id, offset: u64) -> Result<ByteStream> {
        self.read(&Path::from(self.keys.upload_chunk(upload, offset)), None, "cannot read the chunk".into()).await
    }

    async fn read(&self, from: &Path, range: Option<Range<u64>>, what: String) -> Result<ByteStream> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let got = self.store.get_opts(from, options).await.map_err(|cause| Error::storage(what.as_str(), cause))?;
        Ok(boxed(got.into_stream().map_err(move |cause| Error::storage(what.as_str(), cause))))
    }

    pub async fn presigned(&self, sha256: &Sha256, file_name: &str, content_type: &str) -> Result<String> {
        let disposition = disposition(file_name);
        let answer = [("response-content-disposition", disposition.as_str()), ("response-content-type", content_type)];
        let options = SignedUrlOptions::default().with_query(answer);
        let (artifact, valid) = (self.artifact(sha256), self.signed_for);
        let signed = self.store.signed_url_opts(reqwest::Method::GET, &artifact, valid, &options).await;
        signed.map(String::from).map_err(|cause| Error::storage("cannot sign an address", cause))
    }

    pub async fn delete(&self, sha256: &Sha256) -> Result<()> {
        match self.store.delete(&self.artifact(sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(Error::storage(format!("cannot delete `{sha256}`"), cause)),
        }
    }

    pub async fn size(&self, sha256: &Sha256) -> Result<Option<u64>> {
        match self.store.head(&self.artifact(sha256)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(Error::storage(format!("cannot read `{sha256}`"), cause)),
        }
    }

    pub fn list(&self) -> impl Stream<Item = Result<(Sha256, u64)>> + Send + 'static {
        let folder = Path::from(self.keys.artifacts());
        self.store
            .list(Some(&folder))
            .map_err(|cause| Error::storage("cannot list the artifacts", cause))
            .try_filter_map(move |found| {
                future::ok(digest_of(&folder, &found.location).map(|digest| (digest, found.size)))
            })
    }

    /// Removes all chunks. Idempotent.
    pub async fn drop_upload(&self, upload: Id) -> Result<()> {
        self.remove_below(&self.keys.upload(upload))
            .await
            .map_err(|cause| Error::storage("cannot delete the upload", cause))
    }

    pub async fn has_upload(&self, upload: Id) -> Result<bool> {
        let chunks = Path::from(self.keys.upload(upload));
        let first = self.store.list(Some(&chunks)).try_next().await;
        first.map(|found| found.is_some()).map_err(|cause| Error::storage("cannot read the upload", cause))
    }

    /// Removes all artifacts of a domain; those of the default domain stay. Idempotent.
    pub async fn dissolve(&self) -> Result<()> {
        if !self.keys.is_of_domain() {
            return Ok(());
        }
        self.remove_below(&self.keys.artifacts())
            .await
            .map_err(|cause| Error::storage("cannot remove the files of a domain", cause))
    }

    async fn remove_below(&self, folder: &str) -> object_store::Result<()> {
        let found = self.store.list(Some(&Path::from(folder))).map_ok(|found| found.location);
        self.store.delete_stream(found.boxed()).try_for_each(|_| future::ok(())).await
    }
}

fn build(config: &StorageConfig, bucket: &str) -> object_store::Result<AmazonS3> {
    let client = ClientOptions::new()
        .with_allow_http(config.allow_http)
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(SILENCE)
        // A slow reader of a large artifact may take as long as it likes.
        .with_timeout_disabled();
    let retry = RetryConfig { max_retries: 5, retry_timeout: PATIENCE, backoff: BackoffConfig::default() };
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    match &config.endpoint {
        Some(endpoint) if config.virtual_hosts => builder = builder.with_endpoint(host_of(bucket, endpoint)),
        Some(endpoint) => builder = builder.with_endpoint(endpoint),
        None => {}
    }
    if let Some(token) = &config.session_token {
        builder = builder.with_token(token);
    }
    builder = builder.with_virtual_hosted_style_request(config.virtual_hosts);
    if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    builder.build()
}

/// The endpoint with the name of the bucket in front of its host.
fn host_of(bucket: &str, endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    endpoint
        .split_once("://")
        .map_or_else(|| endpoint.to_owned(), |(scheme, host)| format!("{scheme}://{bucket}.{host}"))
}

async fn send_parts(upload: &mut dyn MultipartUpload, whole: u64, body: &Body, what: &str) -> Result<()> {
    let size = PART.max(whole.div_ceil(MOST_PARTS));
    let (mut reader, mut left) = (body.reader()?, whole);
    let mut under_way = futures_util::stream::FuturesUnordered::new();
    while left > 0 {
        let (part, rest) = next_part(reader, size.min(left)).await?;
        (reader, left) = (rest, left - part.len() as u64);
        if under_way.len() == PARTS_TOGETHER {
            under_way.try_next().await.map_err(|cause| Error::storage(what, cause))?;
        }
        under_way.push(upload.put_part(PutPayload::from(part)));
    }
    while under_way.try_next().await.map_err(|cause| Error::storage(what, cause))?.is_some() {}
    upload.complete().await.map(drop).map_err(|cause| Error::storage(what, cause))
}

async fn next_part(mut reader: StagedReader, size: u64) -> Result<(Bytes, StagedReader)> {
    let read = spawn_blocking(move || {
        let mut part = vec![0; usize::try_from(size).map_err(std::io::Error::other)?];
        reader.read_exact(&mut part)?;
        Ok((Bytes::from(part), reader))
    });
    read.await.map_err(Error::internal)?.map_err(|cause| failed("cannot read the staged file", cause))
}

/// Artifacts lie right below their domain's folder; what lies deeper is another domain's.
fn digest_of(folder: &Path, key: &Path) -> Option<Sha256> {
    let (folder, name) = key.as_ref().strip_prefix(folder.as_ref())?.strip_prefix('/')?.split_once('/')?;
    paths::artifact_digest(folder, name)
}

/// What RFC 6266 lets stand unencoded in an extended parameter.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A `Content-Disposition` that saves under this name, whatever characters it has.
fn disposition(file_name: &str) -> String {
    let plain = |byte: char| byte.is_ascii_graphic() && !matches!(byte, '"' | '\\' | '%') || byte == ' ';
    if file_name.chars().all(plain) {
        format!("attachment; filename=\"{file_name}\"")
    } else {
        format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(file_name, EXTENDED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_in_front_of_its_host() {
        for (endpoint, expected) in [
            ("https://s3.example.org", "https://team.s3.example.org"),
            ("http://localhost:9000/", "http://team.localhost:9000"),
            ("https://example.org/s3/", "https://team.example.org/s3"),
        ] {
            assert_eq!(host_of("team", endpoint), expected);
        }
    }
}
