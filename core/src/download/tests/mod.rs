//! The downloader against a server that misbehaves.

mod answers;
mod files;
mod limits;
mod secrets;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::upstream::Upstream;
use super::{Downloader, RemoteSettings, Wanted};
use crate::storage::{DigestSet, Digests, Storage, StorageConfig};

/// Settings for this address with everything else as a new remote has it.
fn settings(url: &str) -> RemoteSettings {
    RemoteSettings { url: url.into(), tls_validation: true, ..RemoteSettings::default() }
}

/// A downloader that is quick to try again.
fn downloader(settings: &RemoteSettings) -> Downloader {
    downloader_of(settings, &[])
}

fn downloader_of(settings: &RemoteSettings, allowed: &[PathBuf]) -> Downloader {
    let mut upstream = Upstream::new(settings, allowed).unwrap();
    upstream.schedule.first_wait = Duration::from_millis(2);
    Downloader { upstream: Arc::new(upstream) }
}

fn wanted(url: impl Into<String>) -> Wanted {
    Wanted { url: url.into(), size: None, digests: Vec::new(), largest: 1 << 20 }
}

async fn storage(folder: &Path) -> Storage {
    let config = StorageConfig {
        url: folder.join("store").display().to_string(),
        endpoint: None,
        region: None,
        access_key_id: None,
        secret_access_key: None,
        allow_http: false,
        staging: folder.join("staging"),
        digests: DigestSet::sha256(),
        ..StorageConfig::default()
    };
    Storage::open(&config).await.unwrap()
}

/// What fetching into a fresh store gives: size and digests, or the error's text, checked to
/// leave no file behind.
async fn fetch(downloader: &Downloader, wanted: &Wanted) -> Result<(u64, Digests), String> {
    let folder = tempfile::tempdir().unwrap();
    let storage = storage(folder.path()).await;
    let result = downloader.fetch(wanted, &storage, DigestSet::sha256()).await;
    if result.is_err() {
        assert_eq!(files_below(folder.path()), 0);
    }
    result.map(|staged| (staged.size, staged.digests.clone())).map_err(|error| error.public_text())
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// Self-signed, for `localhost`, valid for a hundred years.
pub(super) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBnDCCAUGgAwIBAgIUeL/bWU/Hm2XO/o/CUBAuNDIFHvYwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE2MzIxMFoYDzIxMjYxMDI4\n\
MTYzMjEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAAStP9pJwbqmJKQWyyRaCOrOa/JwpyqMC+CgHMcMCQLxQ0I7EMb5YzGV\n\
iYVoF8WtJHJdrk/USpLOV/vd0S4VriZbo28wbTAdBgNVHQ4EFgQUQzvtXDJcArmB\n\
4LocKsTsLFTGO54wHwYDVR0jBBgwFoAUQzvtXDJcArmB4LocKsTsLFTGO54wDwYD\n\
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n\
zj0EAwIDSQAwRgIhAImWQisButk2R1hyVrG5DjCGoy875w5bjjRu5EBnVL6nAiEA\n\
yyxH27R+Kf5w6xzCFRO8XafkethlhAJ/eHTrn65Cgv0=\n\
-----END CERTIFICATE-----\n\
";
