//! One suite for both kinds of store, then what only one of them can show.

use std::fs;
use std::path::Path;

use super::*;
use pith_test_s3::{Options, TestS3};
use tempfile::TempDir;

struct Fixture {
    storage: Storage,
    config: StorageConfig,
    server: Option<TestS3>,
    folder: TempDir,
}

fn config(url: String, folder: &Path) -> StorageConfig {
    StorageConfig {
        url,
        endpoint: None,
        region: None,
        access_key_id: None,
        secret_access_key: None,
        allow_http: false,
        staging: folder.join("staging"),
        digests: DigestSet::default(),
        ..StorageConfig::default()
    }
}

async fn local() -> Fixture {
    let folder = TempDir::new().unwrap();
    let config = config(format!("file://{}", folder.path().join("store").display()), folder.path());
    let storage = Storage::open(&config).await.unwrap();
    Fixture { storage, config, server: None, folder }
}

async fn bucket() -> Fixture {
    let folder = TempDir::new().unwrap();
    let server = TestS3::start(Options {
        folder: folder.path().join("s3"),
        buckets: vec!["bucket".into()],
        port: 0,
        access_key_id: "key".into(),
        secret_access_key: "secret".into(),
        control: folder.path().join("control"),
    })
    .await
    .unwrap();
    let config = StorageConfig {
        endpoint: Some(server.endpoint()),
        access_key_id: Some("key".into()),
        secret_access_key: Some("secret".into()),
        allow_http: true,
        ..config("s3://bucket/some/prefix".into(), folder.path())
    };
    let storage = Storage::open(&config).await.unwrap();
    Fixture { storage, config, server: Some(server), folder }
}

impl Fixture {
    async fn staged(&self, bytes: &[u8]) -> Staged {
        self.storage.stage_bytes(Bytes::copy_from_slice(bytes), DigestSet::default()).await.unwrap()
    }

    async fn read(&self, sha256: &Sha256, range: Option<Range<u64>>) -> Vec<u8> {
        collect(self.storage.stream(sha256, range).await.unwrap()).await.unwrap()
    }

    fn staging_is_empty(&self) -> bool {
        fs::read_dir(&self.storage.0.staging).unwrap().next().is_none()
    }
}

async fn collect(stream: ByteStream) -> Result<Vec<u8>> {
    stream.try_fold(Vec::new(), |all, bytes| futures_util::future::ok([all, bytes.to_vec()].concat())).await
}

/// Bytes that differ everywhere, so that a wrong order shows.
fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at / 7) ^ (at / 1000)) as u8).collect()
}

fn digests_of(bytes: &[u8]) -> Digests {
    Digests::of(bytes, DigestSet::default()).unwrap()
}

async fn artifacts_come_out_as_they_went_in(fixture: Fixture) {
    for size in [0, 1, 1000, 64 << 10, (64 << 10) + 1, 256 << 10, 1_000_000, 9 << 20] {
        let bytes = sample(size);
        let staged = fixture.staged(&bytes).await;
        let digests = staged.digests.clone();
        assert_eq!((staged.size, &digests), (size as u64, &digests_of(&bytes)), "{size}");
        fixture.storage.keep(staged).await.unwrap();
        assert!(fixture.read(&digests.sha256, None).await == bytes, "{size}");
        assert_eq!(fixture.storage.size(&digests.sha256).await.unwrap(), Some(size as u64));
        let (start, end) = (size as u64 / 3, size as u64 / 2);
        assert!(fixture.read(&digests.sha256, Some(start..end)).await == bytes[start as usize..end as usize]);
    }
    assert!(fixture.staging_is_empty());
}

async fn keeping_twice_mends(fixture: Fixture, damage: impl Fn(&Fixture, &Sha256)) {
    let bytes = sample(5000);
    let sha256 = digests_of(&bytes).sha256;
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Missing);
    fixture.storage.keep(fixture.staged(&bytes).await).await.unwrap();
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Intact);
    damage(&fixture, &sha256);
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Corrupt);
    fixture.storage.keep(fixture.staged(&bytes).await).await.unwrap();
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Intact);
    fixture.storage.delete(&sha256).await.unwrap();
    fixture.storage.delete(&sha256).await.unwrap();
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Missing);
    assert!(fixture.storage.stream(&sha256, None).await.is_err());
}

async fn a_bulk_is_kept_and_listed(fixture: Fixture) {
    let mut staged = Vec::new();
    for number in 0..1100_u32 {
        let size = if number % 100 == 0 { 70_000 } else { 20 };
        staged.push(fixture.staged(&[&number.to_be_bytes()[..], &sample(size)].concat()).await);
    }
    let mut expected: Vec<_> = staged.iter().map(|staged| (staged.digests.sha256.clone(), staged.size)).collect();
    fixture.storage.keep_all(staged).await.unwrap();
    let mut listed: Vec<_> = fixture.storage.list().try_collect().await.unwrap();
    listed.sort();
    expected.sort();
    assert!(listed == expected);
    assert!(fixture.staging_is_empty());
}

async fn an_upload_is_assembled_from_its_chunks(fixture: Fixture, offsets: &[usize], checked: DigestSet) {
    const CHUNK: usize = 300_000;
    let bytes = sample(CHUNK * 3 - 100);
    let upload = Id::new();
    for offset in offsets {
        let chunk = &bytes[*offset..bytes.len().min(offset + CHUNK)];
        let writer = fixture.storage.stage_chunk(upload, *offset as u64, chunk.len() as u64, checked).await;
        let mut writer = writer.unwrap();
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        let mut staged = writer.finish().await.unwrap();
        assert_eq!(staged.sha256().await.unwrap(), digests_of(chunk).sha256);
        fixture.storage.put_chunk(upload, *offset as u64, staged).await.unwrap();
    }
    let chunks = [(0, 300_000), (300_000, 300_000), (600_000, 299_900)];
    let staged = fixture.storage.assemble(upload, &chunks, DigestSet::default()).await.unwrap();
    assert_eq!((staged.size, &staged.digests), (bytes.len() as u64, &digests_of(&bytes)));
    let sha256 = staged.digests.sha256.clone();
    fixture.storage.keep(staged).await.unwrap();
    fixture.storage.drop_upload(upload).await.unwrap();
    fixture.storage.drop_upload(upload).await.unwrap();
    assert!(fixture.read(&sha256, None).await == bytes);
    assert!(fixture.storage.assemble(upload, &chunks, DigestSet::default()).await.is_err());
    assert!(fixture.staging_is_empty());
}

async fn a_chunk_sent_again_replaces_the_first(fixture: Fixture) {
    let upload = Id::new();
    for chunk in [b"wrong", b"right"] {
        fixture.storage.put_chunk(upload, 0, fixture.staged(chunk).await.into()).await.unwrap();
    }
    fixture.storage.put_chunk(upload, 5, fixture.staged(b" it is").await.into()).await.unwrap();
    let staged = fixture.storage.assemble(upload, &[(5, 6), (0, 5)], DigestSet::default()).await.unwrap();
    assert_eq!(staged.digests, digests_of(b"right it is"));
    drop(staged);
    let again = fixture.storage.assemble(upload, &[(0, 5), (5, 6)], DigestSet::default()).await.unwrap();
    assert_eq!(again.digests, digests_of(b"right it is"));
    for gap in [&[(0, 5), (6, 5)][..], &[(5, 6)], &[(0, 5), (0, 5)], &[(0, u64::MAX), (u64::MAX, 2)]] {
        let refused = fixture.storage.assemble(upload, gap, DigestSet::default()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn artifacts_come_out_as_they_went_in_local() {
    artifacts_come_out_as_they_went_in(local().await).await;
}

#[tokio::test]
async fn artifacts_come_out_as_they_went_in_bucket() {
    artifacts_come_out_as_they_went_in(bucket().await).await;
}

#[tokio::test]
async fn keeping_twice_mends_local() {
    let damage = |fixture: &Fixture, sha256: &Sha256| {
        fs::write(fixture.storage.local_path(sha256).unwrap(), "damaged").unwrap();
    };
    keeping_twice_mends(local().await, damage).await;
}

#[tokio::test]
async fn keeping_twice_mends_bucket() {
    let damage = |fixture: &Fixture, sha256: &Sha256| {
        let (folder, name) = sha256.as_str().split_at(2);
        let path = format!("s3/bucket/some/prefix/artifact/{folder}/{name}");
        fs::write(fixture.folder.path().join(path), "damaged").unwrap();
    };
    keeping_twice_mends(bucket().await, damage).await;
}

#[tokio::test]
async fn a_bulk_is_kept_and_listed_local() {
    a_bulk_is_kept_and_listed(local().await).await;
}

#[tokio::test]
async fn a_bulk_is_kept_and_listed_bucket() {
    a_bulk_is_kept_and_listed(bucket().await).await;
}

#[tokio::test]
async fn an_upload_is_assembled_from_its_chunks_local() {
    an_upload_is_assembled_from_its_chunks(local().await, &[0, 300_000, 600_000], DigestSet::none()).await;
    an_upload_is_assembled_from_its_chunks(local().await, &[600_000, 0, 300_000], DigestSet::sha256()).await;
}

#[tokio::test]
async fn an_upload_is_assembled_from_its_chunks_bucket() {
    an_upload_is_assembled_from_its_chunks(bucket().await, &[600_000, 0, 300_000], DigestSet::none()).await;
}

#[tokio::test]
async fn a_chunk_sent_again_replaces_the_first_local() {
    a_chunk_sent_again_replaces_the_first(local().await).await;
}

#[tokio::test]
async fn a_chunk_sent_again_replaces_the_first_bucket() {
    a_chunk_sent_again_replaces_the_first(bucket().await).await;
}

#[tokio::test]
async fn what_is_dropped_leaves_no_file() {
    let fixture = local().await;
    let mut writer = fixture.storage.stage(DigestSet::default()).unwrap();
    writer.write(sample(2 << 20).into()).await.unwrap();
    drop(writer);
    let mut small = fixture.staged(b"small").await;
    assert!(small.in_memory().is_some());
    assert_eq!(fs::read(small.on_disk().await.unwrap()).unwrap(), b"small");
    drop((small, fixture.staged(&sample(1 << 20)).await));
    // The block under way holds the file a moment longer.
    for _ in 0..100 {
        if fixture.staging_is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a file stayed in the staging folder");
}

#[tokio::test]
async fn a_chunk_may_not_be_longer_than_announced() {
    let fixture = local().await;
    let mut writer = fixture.storage.stage_chunk(Id::new(), 0, 5, DigestSet::sha256()).await.unwrap();
    assert!(matches!(writer.write(Bytes::from_static(b"longer")).await, Err(Error::TooLarge(5))));
}

#[tokio::test]
async fn a_late_chunk_does_not_reach_the_artifact() {
    let fixture = local().await;
    let upload = Id::new();
    let bytes = sample(500_000);
    fixture.storage.put_chunk(upload, 0, fixture.staged(&bytes).await.into()).await.unwrap();
    let late = fixture.storage.stage_chunk(upload, 0, 500_000, DigestSet::sha256()).await.unwrap();
    let chunks = [(0, 500_000)];
    let refused = fixture.storage.assemble(upload, &chunks, DigestSet::default()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    drop(late);
    let staged = fixture.storage.assemble(upload, &chunks, DigestSet::default()).await.unwrap();
    let refused = fixture.storage.stage_chunk(upload, 0, 500_000, DigestSet::sha256()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    fixture.storage.keep(staged).await.unwrap();
    let mut late = fixture.storage.stage_chunk(upload, 0, 500_000, DigestSet::sha256()).await.unwrap();
    late.write(Bytes::from_static(b"other bytes")).await.unwrap();
    late.finish().await.unwrap();
    assert_eq!(fixture.storage.verify(&digests_of(&bytes).sha256).await.unwrap(), Verdict::Intact);
}

#[tokio::test]
async fn hashes_made_ahead_are_given_up_when_bytes_change() {
    let fixture = local().await;
    let other = Storage::open(&fixture.config).await.unwrap();
    for writer in [&fixture.storage, &other] {
        let upload = Id::new();
        fixture.storage.put_chunk(upload, 0, fixture.staged(b"first").await.into()).await.unwrap();
        let mut chunk = writer.stage_chunk(upload, 0, 5, DigestSet::sha256()).await.unwrap();
        chunk.write(Bytes::from_static(b"wrong")).await.unwrap();
        drop(chunk.finish().await.unwrap());
        let staged = fixture.storage.assemble(upload, &[(0, 5)], DigestSet::default()).await.unwrap();
        assert_eq!(staged.digests, digests_of(b"wrong"), "the digests must be those of the bytes in the file");
    }
}

#[tokio::test]
async fn a_truncated_artifact_is_an_error_of_the_stream() {
    let fixture = local().await;
    let bytes = sample(2 << 20);
    let sha256 = digests_of(&bytes).sha256;
    fixture.storage.keep(fixture.staged(&bytes).await).await.unwrap();
    let stream = fixture.storage.stream(&sha256, None).await.unwrap();
    fs::File::options()
        .write(true)
        .open(fixture.storage.local_path(&sha256).unwrap())
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    assert!(matches!(collect(stream).await, Err(Error::Storage { .. })));
}

#[tokio::test]
async fn a_long_file_is_written_back_part_by_part() {
    let fixture = local().await;
    let bytes = Bytes::from(sample(70_000_000));
    let sha256 = digests_of(&bytes).sha256;
    let mut writer = fixture.storage.stage(DigestSet::default()).unwrap();
    for at in (0..bytes.len()).step_by(100_000) {
        writer.write(bytes.slice(at..at + 100_000)).await.unwrap();
    }
    let staged = writer.finish().await.unwrap();
    assert_eq!((staged.size, &staged.digests.sha256), (70_000_000, &sha256));
    fixture.storage.keep(staged).await.unwrap();
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Intact);
}

#[tokio::test]
async fn the_sweep_spares_fresh_files() {
    let fixture = local().await;
    let staged = fixture.staged(&sample(100_000)).await;
    assert_eq!(Storage::sweep_staging(fixture.storage.0.staging.clone(), Duration::from_secs(60)).await.unwrap(), 0);
    assert_eq!(Storage::sweep_staging(fixture.storage.0.staging.clone(), Duration::ZERO).await.unwrap(), 1);
    assert!(fixture.storage.keep(staged).await.is_err());
}

#[tokio::test]
async fn a_local_store_tells_its_space() {
    let fixture = local().await;
    let usage = fixture.storage.usage().unwrap();
    assert!(usage.total >= usage.used && usage.free > 0);
    let sha256 = digests_of(b"").sha256;
    assert_eq!(fixture.storage.presigned(&sha256, "a", "b/c").await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_cannot_be_used_does_not_open() {
    let fixture = bucket().await;
    let wrong = [
        StorageConfig { url: "s3://nowhere".into(), ..fixture.config.clone() },
        StorageConfig { secret_access_key: Some("wrong".into()), ..fixture.config.clone() },
        StorageConfig { url: "ftp://host/folder".into(), ..fixture.config.clone() },
        StorageConfig { url: "/proc/nowhere".into(), ..fixture.config.clone() },
    ];
    for config in wrong {
        assert!(Storage::open(&config).await.is_err(), "{}", config.url);
    }
}

#[tokio::test]
async fn a_presigned_address_names_the_file() {
    let fixture = bucket().await;
    fixture.storage.keep(fixture.staged(b"bytes").await).await.unwrap();
    let sha256 = digests_of(b"bytes").sha256;
    let address = fixture.storage.presigned(&sha256, "ä b.txt", "text/x-test").await.unwrap().unwrap();
    let answer = reqwest::get(address.as_str()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/x-test");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename*=UTF-8''%C3%A4%20b.txt");
    assert_eq!(answer.bytes().await.unwrap(), "bytes");
    let forged = reqwest::get(address.replace("x-test", "html")).await.unwrap();
    assert_eq!(forged.status(), 403);
}

#[tokio::test]
async fn a_bucket_that_answers_500_is_a_storage_error() {
    let fixture = bucket().await;
    let server = fixture.server.as_ref().unwrap();
    let (small, large) = (fixture.staged(b"small").await, fixture.staged(&sample(9 << 20)).await);
    let sha256 = small.digests.sha256.clone();
    server.fail_writes().unwrap();
    let start = std::time::Instant::now();
    let (small, large) = tokio::join!(fixture.storage.keep(small), fixture.storage.keep(large));
    assert!(start.elapsed() < Duration::from_secs(20));
    for result in [small, large] {
        let Err(Error::Storage { public, .. }) = result else { panic!("{result:?}") };
        assert!(public.starts_with("cannot store `"), "{public}");
    }
    assert!(fixture.staging_is_empty());
    server.allow_writes().unwrap();
    fixture.storage.keep(fixture.staged(b"small").await).await.unwrap();
    assert_eq!(fixture.storage.verify(&sha256).await.unwrap(), Verdict::Intact);
}
