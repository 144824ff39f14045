//! Orphans, the removal of bytes, reclaiming, repair and the comparison with the store, on real bytes.

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::db::holders::Holder;
use crate::db::{Conn, artifacts, uploads};
use crate::download::{Downloader, RemoteSettings};
use crate::id::{Sha256, now};
use crate::ops::Stores;
use crate::ops::check::check;
use crate::ops::fixture::Fixture;
use crate::ops::modify::modify;
use crate::ops::reclaim::{Reclaim, reclaim};
use crate::ops::repair::{self, Look, Repaired};
use crate::ops::versions::tests::{FILES, change};
use crate::ops::{housekeeping, versions};
use crate::params;
use crate::storage::{DigestSet, Storage, StorageConfig};

struct Shop {
    fixture: Fixture,
    stores: Stores,
}

fn silent(_: &'static Part, _: crate::ops::upkeep::Count) -> Result<()> {
    Ok(())
}

impl Shop {
    async fn open() -> Self {
        let fixture = tokio::task::spawn_blocking(Fixture::new).await.unwrap();
        let config = StorageConfig {
            url: fixture.folder.path().join("store").display().to_string(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            allow_http: false,
            staging: fixture.folder.path().join("tmp"),
            digests: DigestSet::sha256(),
            ..StorageConfig::default()
        };
        let storage = Storage::open(&config).await.unwrap();
        let (db, domain, signing) = (fixture.db.clone(), fixture.domain, fixture.signing());
        let stores = Stores { db, storage, domain, digests: DigestSet::sha256(), signing };
        Self { fixture, stores }
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> T {
        self.stores.db.write(work).await.unwrap()
    }

    async fn artifact(&self, bytes: &'static str) -> (Id, Sha256) {
        let staged = self.stores.storage.stage_bytes(Bytes::from(bytes), DigestSet::sha256()).await.unwrap();
        let (size, digests, domain) = (staged.size, staged.digests.clone(), self.fixture.domain);
        let sha256 = digests.sha256.clone();
        let _announced = self.stores.db.announce(self.stores.domain, std::slice::from_ref(&sha256)).await.unwrap();
        self.stores.storage.keep(staged).await.unwrap();
        (self.write(move |conn| artifacts::insert(conn, domain, size, &digests)).await, sha256)
    }

    /// A unit with a file of these bytes.
    async fn unit(&self, path: &'static str, bytes: &'static str) -> (Id, Sha256) {
        let (artifact, sha256) = self.artifact(bytes).await;
        let domain = self.fixture.domain;
        let unit = self.write(move |conn| crate::ops::fixture::unit(conn, domain, "file.file", path)).await;
        self.write(move |conn| {
            conn.execute("UPDATE content_artifact SET artifact_id = $2 WHERE content_id = $1", params![unit, artifact])
        })
        .await;
        (unit, sha256)
    }

    async fn repository(&self, units: &[Id]) -> (Id, Id) {
        let units = units.to_vec();
        let fixture_domain = self.fixture.domain;
        self.write(move |conn| {
            let repository = crate::ops::fixture::repository(conn, fixture_domain)?;
            versions::create_empty(conn, repository)?;
            let version = modify(conn, &FILES, &change(repository, &[], &units))?.version.unwrap();
            Ok((repository, version.id))
        })
        .await
    }

    async fn remote(&self, unit: Id, url: String) -> Id {
        let (id, domain) = (Id::new(), self.fixture.domain);
        self.write(move |conn| {
            conn.execute(
                "INSERT INTO remote (id, domain_id, created, updated, pulp_type, name, labels, url, policy,
                     tls_validation, details) VALUES ($1, $2, $3, $3, 'file.file', $4, $5, $6, 'immediate', TRUE, $5)",
                params![id, domain, now(), id.to_string(), json!({}), url.clone()],
            )?;
            conn.execute(
                "INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url, digests)
                 SELECT $1, id, $2, $3, $4 FROM content_artifact WHERE content_id = $5",
                params![Id::new(), id, url, json!({}), unit],
            )
        })
        .await;
        id
    }

    async fn has(&self, sha256: &Sha256) -> bool {
        self.stores.storage.size(sha256).await.unwrap().is_some()
    }

    async fn count(&self, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.stores.db.read(move |conn| conn.query_one(&sql, &[])?.get(0)).await.unwrap()
    }

    async fn clean(&self, scope: Scope) -> Cleaned {
        clean_up(&self.stores, &scope, now(), &silent).await.unwrap()
    }

    async fn look(&self, scope: &Scope, before: Instant) -> Found {
        dry_run(&self.stores.db, self.stores.domain, scope, before, &silent).await.unwrap()
    }

    /// Cleans up when nothing else goes on, as a dry run has foretold it.
    async fn clean_as_told(&self, scope: Scope) -> Cleaned {
        let before = now();
        let bytes = |rows: Vec<artifact_bytes::StoredArtifact>| rows.iter().map(|row| row.size).sum::<u64>();
        let domain = self.stores.domain;
        let all = || self.stores.db.read(move |conn| artifact_bytes::page(conn, domain, None, 1000));
        let (told, had) = (self.look(&scope, before).await, bytes(all().await.unwrap()));
        let cleaned = clean_up(&self.stores, &scope, before, &silent).await.unwrap();
        let gone = had - bytes(all().await.unwrap());
        assert_eq!((told.content, told.artifacts, told.bytes), (cleaned.content, cleaned.artifacts, gone));
        cleaned
    }
}

#[tokio::test]
async fn orphans_go_with_their_bytes_and_the_rest_stays() {
    let shop = Shop::open().await;
    let (kept, kept_bytes) = shop.unit("kept", "kept").await;
    let (_, orphan_bytes) = shop.unit("orphan", "orphan").await;
    let (_, loose_bytes) = shop.artifact("loose").await;
    shop.repository(&[kept]).await;
    assert_eq!(shop.clean_as_told(Scope::All).await, Cleaned { content: 1, artifacts: 2 });
    assert!(shop.has(&kept_bytes).await);
    assert!(!shop.has(&orphan_bytes).await && !shop.has(&loose_bytes).await);
    assert_eq!((shop.count("content").await, shop.count("artifact_removal").await), (1, 0));
    assert!(check(&shop.stores.db, shop.stores.domain, &shop.stores.storage).await.unwrap().is_sound());
}

#[tokio::test]
async fn what_is_new_is_protected() {
    let shop = Shop::open().await;
    let (_, bytes) = shop.unit("new", "new").await;
    let before = now() - TimeDelta::minutes(10);
    let told = shop.look(&Scope::All, before).await;
    assert_eq!((told.content, told.artifacts, told.bytes, told.kept.len()), (0, 0, 0, 1));
    assert!(told.kept[0].holders.is_empty() && told.kept[0].unit.last_of_interest > before, "{told:?}");
    let cleaned = clean_up(&shop.stores, &Scope::All, before, &silent).await.unwrap();
    assert_eq!((cleaned, shop.has(&bytes).await), (Cleaned::default(), true));
}

#[tokio::test]
async fn a_draft_protects_its_content() {
    let shop = Shop::open().await;
    let (unit, _) = shop.unit("a", "a").await;
    let (repository, _) = {
        let (other, _) = shop.unit("b", "b").await;
        shop.repository(&[other]).await
    };
    shop.write(move |conn| versions::begin(conn, repository)?.add(conn, &[unit])).await;
    assert_eq!(shop.clean_as_told(Scope::All).await, Cleaned::default());
    let told = shop.look(&Scope::Units(vec![unit]), now()).await;
    let [Holder::Version { number: None, repository: holder }] = &told.kept[0].holders[..] else { panic!("{told:?}") };
    assert_eq!(holder.id, repository);
}

#[tokio::test]
async fn named_units_take_only_their_own_artifacts_along() {
    let shop = Shop::open().await;
    let (first, first_bytes) = shop.unit("first", "first").await;
    let (_, other_bytes) = shop.unit("other", "other").await;
    let (shared, _) = shop.unit("shared", "other").await;
    let (_, loose_bytes) = shop.artifact("loose").await;
    let kept = Scope::Units(vec![first, shared]);
    assert_eq!(shop.clean_as_told(kept).await, Cleaned { content: 2, artifacts: 1 });
    assert!(!shop.has(&first_bytes).await);
    assert!(shop.has(&other_bytes).await && shop.has(&loose_bytes).await);
}

#[tokio::test]
async fn what_holds_a_unit_is_told() {
    let shop = Shop::open().await;
    let (unit, _) = shop.unit("a", "a").await;
    let (repository, first) = shop.repository(&[unit]).await;
    let newest = shop.write(move |conn| modify(conn, &FILES, &change(repository, &[unit], &[]))).await;
    assert_ne!(newest.version.unwrap().id, first);
    let told = shop.look(&Scope::All, now()).await;
    assert_eq!((told.content, told.kept.len()), (0, 1), "{told:?}");
    let [Holder::Version { number, repository: holder }] = &told.kept[0].holders[..] else { panic!("{told:?}") };
    assert_eq!((*number, holder.id, &holder.pinned_by), (Some(1), repository, &None));
}

#[tokio::test]
async fn bytes_that_came_back_are_not_removed() {
    let shop = Shop::open().await;
    let (id, bytes) = shop.artifact("again").await;
    shop.write(move |conn| artifact_bytes::delete_unused(conn, &[id], now())).await;
    shop.artifact("again").await;
    assert_eq!(remove_bytes(&shop.stores).await.unwrap(), 0);
    assert!(shop.has(&bytes).await);
    assert_eq!(shop.count("artifact_removal").await, 0);
}

#[tokio::test]
async fn uploads_and_clean_up_of_the_same_bytes_never_lose_them() {
    let shop = Arc::new(Shop::open().await);
    let uploads = (0..4).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                shop.artifact("contended").await;
            }
        })
    });
    let cleaner = {
        let shop = shop.clone();
        tokio::spawn(async move {
            for _ in 0..40 {
                shop.clean(Scope::All).await;
                let rows = shop.count("artifact").await;
                tracing::trace!(rows, "cleaned");
            }
        })
    };
    futures_util::future::join_all(uploads).await.into_iter().for_each(|upload| upload.unwrap());
    cleaner.await.unwrap();
    let found = check(&shop.stores.db, shop.stores.domain, &shop.stores.storage).await.unwrap();
    assert_eq!((found.missing.count, found.wrong_size.count), (0, 0));
    shop.clean(Scope::All).await;
    remove_bytes(&shop.stores).await.unwrap();
}

#[tokio::test]
async fn reclaiming_drops_what_can_be_fetched_again() {
    let shop = Shop::open().await;
    let (lazy, lazy_bytes) = shop.unit("lazy", "lazy").await;
    let (own, own_bytes) = shop.unit("own", "own").await;
    let (elsewhere, elsewhere_bytes) = shop.unit("elsewhere", "elsewhere").await;
    for unit in [lazy, elsewhere] {
        shop.remote(unit, "http://127.0.0.1:9/x".into()).await;
    }
    let (repository, version) = shop.repository(&[lazy, own, elsewhere]).await;
    shop.repository(&[elsewhere]).await;
    let mut wanted = Reclaim { repositories: vec![repository], kept_versions: vec![version] };
    assert_eq!(reclaim(&shop.stores, &wanted, &silent).await.unwrap(), 0);
    wanted.kept_versions.clear();
    assert_eq!(reclaim(&shop.stores, &wanted, &silent).await.unwrap(), 1);
    assert!(!shop.has(&lazy_bytes).await);
    assert!(shop.has(&own_bytes).await && shop.has(&elsewhere_bytes).await);
}

#[tokio::test]
async fn damaged_bytes_are_found_and_fetched_again() {
    let shop = Shop::open().await;
    let source = shop.fixture.folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let mut units = Vec::new();
    for (path, bytes) in [("lost", "lost!"), ("spoilt", "spoilt"), ("gone", "gone"), ("fine", "fine")] {
        let (unit, sha256) = shop.unit(path, bytes).await;
        let file = shop.stores.storage.local_path(&sha256).unwrap();
        match path {
            "spoilt" => std::fs::write(file, "SPOILT").unwrap(),
            "fine" => {}
            _ => std::fs::remove_file(file).unwrap(),
        }
        if path != "gone" {
            std::fs::write(source.join(path), bytes).unwrap();
            shop.remote(unit, format!("file://{}/{path}", source.display())).await;
        }
        units.push((unit, sha256));
    }
    let (_, version) = shop.repository(&units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>()).await;
    let found = check(&shop.stores.db, shop.stores.domain, &shop.stores.storage).await.unwrap();
    assert_eq!((found.artifacts, found.files, found.missing.count), (4, 2, 2));
    let downloaders = |_| -> futures_util::future::BoxFuture<'_, Result<Downloader>> {
        let settings = RemoteSettings { url: format!("file://{}/", source.display()), ..Default::default() };
        let downloader = Downloader::new(&settings, std::slice::from_ref(&source));
        Box::pin(async move { downloader })
    };
    let run = |scope, look| repair::repair(&shop.stores, scope, look, &downloaders, &silent);
    let all = repair::Scope::All;
    assert_eq!(run(all, Look::Presence).await.unwrap(), Repaired { missing: 2, corrupted: 0, repaired: 1 });
    let version = repair::Scope::Version(version);
    assert_eq!(run(version, Look::Digests).await.unwrap(), Repaired { missing: 1, corrupted: 1, repaired: 1 });
    assert_eq!(run(all, Look::Digests).await.unwrap(), Repaired { missing: 1, corrupted: 0, repaired: 0 });
}

#[tokio::test]
async fn the_comparison_names_what_does_not_fit() {
    let shop = Shop::open().await;
    let (_, cut) = shop.artifact("cut").await;
    let (id, unknown) = shop.artifact("unknown").await;
    std::fs::write(shop.stores.storage.local_path(&cut).unwrap(), "c").unwrap();
    shop.write(move |conn| conn.execute("DELETE FROM artifact WHERE id = $1", params![id])).await;
    let found = check(&shop.stores.db, shop.stores.domain, &shop.stores.storage).await.unwrap();
    assert_eq!((found.wrong_size.named, found.unknown.named, found.missing.count), (vec![cut], vec![unknown], 0));
}

#[tokio::test]
async fn old_uploads_expire() {
    let shop = Shop::open().await;
    let domain = shop.fixture.domain;
    let old = shop.write(move |conn| uploads::insert(conn, domain, 5)).await;
    shop.write(move |conn| {
        let long_ago = now() - TimeDelta::hours(2);
        conn.execute("UPDATE upload SET updated = $2 WHERE id = $1", params![old, long_ago])
    })
    .await;
    shop.write(move |conn| uploads::insert(conn, domain, 5)).await;
    let hour = std::time::Duration::from_secs(3600);
    assert_eq!(housekeeping::expire_uploads(&shop.stores, std::time::Duration::ZERO).await.unwrap(), 0);
    assert_eq!(housekeeping::expire_uploads(&shop.stores, hour).await.unwrap(), 1);
    assert_eq!(shop.count("upload").await, 1);
}

#[tokio::test]
async fn what_a_deleted_upload_left_in_the_store_goes_later() {
    let shop = Shop::open().await;
    let (domain, storage) = (shop.fixture.domain, &shop.stores.storage);
    let upload = shop.write(move |conn| uploads::insert(conn, domain, 5)).await;
    let mut writer = storage.stage_replacement().unwrap();
    writer.write("chunk".into()).await.unwrap();
    storage.put_chunk(upload, 0, writer.finish().await.unwrap()).await.unwrap();
    assert!(shop.write(move |conn| uploads::delete(conn, upload)).await);
    assert!(!shop.write(move |conn| uploads::delete(conn, upload)).await);
    // As if the process had been killed here.
    assert_eq!(housekeeping::remove_uploads(&shop.stores, housekeeping::LATE).await.unwrap(), 0);
    assert!(storage.assemble(upload, &[(0, 5)], DigestSet::sha256()).await.is_ok());
    assert_eq!(housekeeping::remove_uploads(&shop.stores, std::time::Duration::ZERO).await.unwrap(), 1);
    assert!(storage.assemble(upload, &[(0, 5)], DigestSet::sha256()).await.is_err());
    assert_eq!(shop.count("upload_removal").await, 0);
}
