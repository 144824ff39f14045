//! How fast a local store is on this machine: `cargo run --release --example storage_speed -- FOLDER`.
//! Uses 3 GiB of the folder, which it creates and removes.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use pith_core::id::Id;
use pith_core::storage::{DigestSet, Storage, StorageConfig};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const CHUNK: usize = 32 << 20;
const CHUNKS: u64 = 32;
/// What a connection hands over at once.
const PIECE: usize = 64 << 10;

fn main() -> Outcome {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder that does not exist")?);
    std::fs::create_dir(&folder)?;
    let measured = tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(folder.clone()));
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: PathBuf) -> Outcome {
    let storage = Storage::open(&StorageConfig {
        url: folder.display().to_string(),
        endpoint: None,
        region: None,
        access_key_id: None,
        secret_access_key: None,
        allow_http: false,
        staging: folder.join("unused"),
        digests: DigestSet::default(),
        ..StorageConfig::default()
    })
    .await?;
    for clients in [1, 8, 32] {
        small_files(&storage, clients).await?;
    }
    bulk(&storage).await?;
    one_large_file(&storage).await?;
    chunked_upload(&storage).await
}

/// Staged and kept one by one, by so many clients at once.
async fn small_files(storage: &Storage, clients: usize) -> Outcome {
    const FILES: u32 = 4000;
    let start = Instant::now();
    stream::iter(0..FILES)
        .map(|number| async move {
            let bytes = [&number.to_be_bytes()[..], &[clients as u8; 1020]].concat();
            storage.keep(storage.stage_bytes(bytes.into(), DigestSet::default()).await?).await
        })
        .buffer_unordered(clients)
        .try_collect::<()>()
        .await?;
    println!("1 KiB, {clients} clients: {:.0} files/s", f64::from(FILES) / start.elapsed().as_secs_f64());
    Ok(())
}

async fn bulk(storage: &Storage) -> Outcome {
    const FILES: u32 = 10_000;
    let start = Instant::now();
    let mut staged = Vec::new();
    for number in 0..FILES {
        let bytes = [&number.to_be_bytes()[..], &[99; 1020]].concat();
        staged.push(storage.stage_bytes(bytes.into(), DigestSet::default()).await?);
    }
    storage.keep_all(staged).await?;
    println!("1 KiB, in bulk: {:.0} files/s", f64::from(FILES) / start.elapsed().as_secs_f64());
    Ok(())
}

async fn one_large_file(storage: &Storage) -> Outcome {
    let data = Bytes::from(vec![1; CHUNK]);
    let start = Instant::now();
    let mut writer = storage.stage(DigestSet::default())?;
    for _ in 0..CHUNKS {
        for at in (0..CHUNK).step_by(PIECE) {
            writer.write(data.slice(at..at + PIECE)).await?;
        }
    }
    let staged = writer.finish().await?;
    println!("1 GiB staged: {:.2?}", start.elapsed());
    let sha256 = staged.digests.sha256.clone();
    storage.keep(staged).await?;
    println!("1 GiB staged and kept: {:.2?}", start.elapsed());
    let start = Instant::now();
    let mut read = storage.stream(&sha256, None).await?;
    while read.try_next().await?.is_some() {}
    println!("1 GiB read: {:.2?}", start.elapsed());
    Ok(())
}

async fn chunked_upload(storage: &Storage) -> Outcome {
    let (data, upload, size) = (Bytes::from(vec![2; CHUNK]), Id::new(), CHUNK as u64);
    let start = Instant::now();
    for number in 0..CHUNKS {
        let mut writer = storage.stage_chunk(upload, number * size, size, DigestSet::none()).await?;
        for at in (0..CHUNK).step_by(PIECE) {
            writer.write(data.slice(at..at + PIECE)).await?;
        }
        storage.put_chunk(upload, number * size, writer.finish().await?).await?;
    }
    println!("1 GiB in chunks, put: {:.2?}", start.elapsed());
    let chunks: Vec<_> = (0..CHUNKS).map(|number| (number * size, size)).collect();
    let staged = storage.assemble(upload, &chunks, DigestSet::default()).await?;
    println!("1 GiB in chunks, assembled: {:.2?}", start.elapsed());
    storage.keep(staged).await?;
    storage.drop_upload(upload).await?;
    println!("1 GiB in chunks, kept: {:.2?}", start.elapsed());
    Ok(())
}
