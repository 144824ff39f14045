//! A toy format, read from a folder of this host.

mod failures;
mod groups;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::db::{Conn, Migrations, publications, remotes};
use crate::download::RemoteSettings;
use crate::id::now;
use crate::ops::fixture::Fixture;
use crate::params;
use crate::plugin::{
    ContentType, DetailTable, Files, Inspected, Inspection, Progress, PublicationWriter, Unit, UnitFile, UpstreamFile,
    VersionReader, Wanted,
};
use crate::resource::Resource;
use crate::storage::{DigestSet, Digests, Storage, StorageConfig};

/// An upstream's list has a line `<path> <sha256>` per file; a digest of `-` is not told.
struct Toy;

#[async_trait]
impl ContentType for Toy {
    fn pulp_type(&self) -> &'static str {
        "toy.toy"
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "toy_content", columns: &["path", "digest"], natural_key: &[0, 1] }
    }

    fn resource(&self) -> Resource {
        unimplemented()
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        unimplemented()
    }
}

fn unimplemented() -> ! {
    panic!("a synchronization has no use for it")
}

#[async_trait]
impl Plugin for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("toy", "toy")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "toy",
            steps: &[(
                "0001",
                "CREATE TABLE toy_content (content_id uuid PRIMARY KEY REFERENCES content (id) ON DELETE CASCADE,
                     domain_id uuid NOT NULL, path text NOT NULL, digest text NOT NULL,
                     UNIQUE (domain_id, path, digest));",
            )],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        vec![]
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Toy)]
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        let list = job.metadata(&job.remote.url).await?;
        let list = String::from_utf8_lossy(&list);
        if job.is_unchanged(json!({"list": list, "policy": job.remote.policy, "mirror": job.options.mirror})) {
            return Ok(());
        }
        declare(job, &list, None).await?;
        if job.options.mirror {
            job.publish(json!({"index": "index"}));
        }
        Ok(())
    }

    async fn publish(&self, version: &mut VersionReader, out: &mut PublicationWriter) -> Result<()> {
        out.pass_through();
        let mut index = String::new();
        while let Some(page) = version.next_page().await? {
            page.iter().for_each(|file| index.push_str(&format!("{}\n", file.relative_path)));
        }
        let name = out.details["index"].as_str().unwrap_or("index").parse().unwrap();
        out.add_metadata(name, index).await
    }
}

async fn declare(job: &SyncJob, list: &str, group: Option<&str>) -> Result<()> {
    for line in list.lines() {
        let (path, digest) = line.split_once(' ').unwrap();
        let sha256 = digest.parse().ok();
        let digests = sha256.iter().map(|sha256: &crate::id::Sha256| ("sha256", sha256.to_string())).collect();
        let unit = Unit {
            columns: vec![path.into(), digest.into()],
            repo_key: Some(path.into()),
            files: vec![UnitFile { relative_path: path.parse().unwrap(), sha256 }],
        };
        let files = vec![UpstreamFile { url: job.resolve(path), size: None, digests }];
        job.want("toy.toy", Wanted { unit, files, group: group.map(Into::into), pinned: vec![] }).await?;
    }
    Ok(())
}

/// What comes of a synchronization, with the id of the publication.
type Made = Synchronized<Id>;

/// A task that nobody stops.
#[derive(Default)]
struct Unstopped(Mutex<Vec<(String, Arc<Count>)>>);

#[derive(Default)]
struct Count(Mutex<i64>);

impl Progress for Count {
    fn add(&self, count: i64) {
        *self.0.lock().unwrap() += count;
    }
    fn set_total(&self, _: i64) {}
    fn set_suffix(&self, _: &str) {}
    fn finish(&self) {}
}

impl Task for Unstopped {
    fn progress(&self, _: &str, code: &str, _: Option<i64>) -> Arc<dyn Progress> {
        let count = Arc::new(Count::default());
        self.0.lock().unwrap().push((code.to_owned(), count.clone()));
        count
    }
    fn check(&self) -> Result<()> {
        Ok(())
    }
    fn fence(&self, _: &mut Conn) -> Result<()> {
        Ok(())
    }
}

struct World {
    /// The fixture must not be used within it: PostgreSQL's client blocks.
    runtime: tokio::runtime::Runtime,
    fixture: Fixture,
    stores: Stores,
    repository: Id,
    remote: Id,
    upstream: PathBuf,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let fixture = Fixture::new();
        fixture.db.migrate(&[Toy.migrations()]).unwrap();
        let folder = fixture.folder.path();
        let config = StorageConfig {
            url: folder.join("store").to_str().unwrap().to_owned(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            allow_http: false,
            staging: folder.join("staging"),
            digests: DigestSet::default(),
            ..StorageConfig::default()
        };
        let storage = runtime.block_on(Storage::open(&config)).unwrap();
        let upstream = folder.join("upstream");
        fs::create_dir(&upstream).unwrap();
        let (db, domain, signing) = (fixture.db.clone(), fixture.domain, fixture.signing());
        let stores = Stores { db, storage, domain, digests: DigestSet::default(), signing };
        let (repository, domain) = (fixture.repository(), fixture.domain);
        let (remote, url) = (Id::new(), url::Url::from_file_path(upstream.join("LIST")).unwrap().to_string());
        fixture.write(move |conn| {
            versions::create_empty(conn, repository)?;
            conn.execute("UPDATE repository SET pulp_type = 'toy.toy' WHERE id = $1", params![repository])?;
            conn.execute(
                "INSERT INTO remote (id, domain_id, created, updated, pulp_type, name, labels, url, policy,
                     tls_validation, details) VALUES ($1, $2, $3, $3, 'toy.toy', 'r', $4, $5, 'immediate', FALSE, $4)",
                params![remote, domain, now(), json!({}), url],
            )
        });
        Self { runtime, fixture, stores, repository, remote, upstream }
    }

    /// Files by path and content; a `!` before the path lists a digest that is not the file's.
    fn offer(&self, files: &[(&str, &str)]) {
        let mut list = String::new();
        for (path, content) in files {
            let digest = match path.strip_prefix('!') {
                // Of other bytes than the file has.
                Some(name) => name,
                None => content,
            };
            let digest = Digests::of(digest.as_bytes(), DigestSet::sha256()).unwrap().sha256;
            let path = path.trim_start_matches('!');
            self.put(path, content);
            list.push_str(&format!("{path} {digest}\n"));
        }
        self.put("LIST", &list);
    }

    fn put(&self, path: &str, content: &str) {
        let path = self.upstream.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn sync(&self, policy: &str, mirror: bool, optimize: bool) -> Result<(Made, Vec<(String, i64)>)> {
        self.run(Toy, self.request(policy, mirror, optimize))
    }

    fn request(&self, policy: &str, mirror: bool, optimize: bool) -> SyncRequest {
        let id = self.remote;
        let mut remote = self.fixture.read(|conn| remotes::by_id(conn, id)).unwrap();
        remote.policy = policy.to_owned();
        let settings = RemoteSettings { url: remote.url.clone(), max_retries: Some(0), ..Default::default() };
        let downloader = Downloader::new(&settings, std::slice::from_ref(&self.upstream)).unwrap();
        let options = SyncOptions { mirror, optimize, ..SyncOptions::default() };
        let alternates = Alternates::new(Arc::new(|_| panic!("there are none")), std::time::Duration::ZERO);
        let (repository, model) = (self.repository, ("toy", "toy"));
        SyncRequest {
            repository,
            remote,
            downloader,
            options,
            alternates,
            publishes: true,
            publishes_newest: false,
            model,
        }
    }

    fn run(&self, plugin: impl Plugin, request: SyncRequest) -> Result<(Made, Vec<(String, i64)>)> {
        self.run_with(plugin, request, |_, publication| Ok(publication))
    }

    fn run_with(
        &self,
        plugin: impl Plugin,
        request: SyncRequest,
        published: impl FnOnce(&mut Conn, Id) -> Result<Id> + Send + 'static,
    ) -> Result<(Made, Vec<(String, i64)>)> {
        let unstopped = Arc::new(Unstopped::default());
        let (task, plugin): (Arc<dyn Task>, Arc<dyn Plugin>) = (unstopped.clone(), Arc::new(plugin));
        let then = Then { version: Box::new(|_, _| Ok(())), publication: Box::new(published) };
        let made = self.runtime.block_on(synchronize(&self.stores, &task, &plugin, request, then))?;
        let reports = unstopped.0.lock().unwrap();
        Ok((made, reports.iter().map(|(code, count)| (code.clone(), *count.0.lock().unwrap())).collect()))
    }

    /// The paths of the newest version.
    fn paths(&self) -> Vec<String> {
        let repository = self.repository;
        let target = self.fixture.read(|conn| rows::target(conn, repository, false));
        let version = self.fixture.read(|conn| publications::version(conn, target.latest_version)).unwrap();
        let mut files = Files::new(self.stores.db.clone(), self.stores.storage.clone(), version);
        let mut paths = Vec::new();
        while let Some(page) = self.runtime.block_on(files.next_page()).unwrap() {
            paths.extend(page.into_iter().map(|file| file.relative_path));
        }
        paths
    }

    fn count(&self, sql: &str) -> i64 {
        self.fixture.read(|conn| conn.query_one(sql, &[])?.get(0))
    }

    fn stored(&self) -> usize {
        let folders = fs::read_dir(self.fixture.folder.path().join("store").join("artifact")).unwrap();
        folders.map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }
}

fn done<'a>(reports: &'a [(String, i64)], code: &str) -> Option<&'a i64> {
    reports.iter().find(|(name, _)| name == code).map(|(_, count)| count)
}

#[test]
fn a_publication_appears_with_all_that_belongs_to_it_or_not_at_all() {
    let world = World::new();
    world.offer(&[("a", "one")]);
    let request = || world.request("immediate", true, false);
    let refused = world.run_with(Toy, request(), |_, _| Err(Error::Conflict("not now".into())));
    refused.expect_err("what belongs to the publication failed");
    assert_eq!(world.count("SELECT count(*) FROM publication"), 0);
    // The next one of the same version is made as if there had been none.
    world.offer(&[("a", "two")]);
    let (made, _) = world.run(Toy, request()).unwrap();
    assert_eq!((made.publication.is_some(), world.count("SELECT count(*) FROM publication")), (true, 1));
}

#[test]
fn a_publication_that_is_due_is_made_by_the_next_run() {
    let world = World::new();
    world.offer(&[("a", "one")]);
    let refused =
        world.run_with(Toy, world.request("on_demand", true, true), |_, _| Err(Error::Conflict("killed".into())));
    refused.expect_err("the publication failed");
    let publications = "SELECT count(*) FROM publication";
    assert_eq!((world.paths(), world.count(publications)), (vec!["a".to_owned()], 0));
    let (made, reports) = world.sync("on_demand", true, true).unwrap();
    assert_eq!((made.version, made.publication.is_some()), (None, true));
    assert!(done(&reports, "sync.was_skipped").is_none());
    // From then on nothing changed, also where somebody deletes the publication.
    world.fixture.write(|conn| conn.execute("DELETE FROM publication", &[]));
    let (made, reports) = world.sync("on_demand", true, true).unwrap();
    assert_eq!((made.publication, done(&reports, "sync.was_skipped").is_some()), (None, true));
    // What is due of a version is not due of the next one, nor of one that is not to be published any more.
    world.offer(&[("a", "two")]);
    let refused =
        world.run_with(Toy, world.request("on_demand", true, true), |_, _| Err(Error::Conflict("killed".into())));
    refused.expect_err("the publication failed");
    for skipped in [false, true] {
        let (made, reports) = world.sync("on_demand", false, true).unwrap();
        assert_eq!((made.publication, done(&reports, "sync.was_skipped").is_some()), (None, skipped));
    }
    assert_eq!(world.count(publications), 0);
}

#[test]
fn an_upstream_becomes_a_version_once() {
    let world = World::new();
    world.offer(&[("b", "two"), ("a/1", "one"), ("c", "two")]);
    let (made, reports) = world.sync("immediate", false, true).unwrap();
    assert_eq!(made.version.map(|version| version.number), Some(1));
    assert_eq!(made.publication, None);
    assert_eq!(done(&reports, "sync.downloading.metadata"), Some(&1));
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&2), "the same bytes are fetched once");
    assert_eq!(done(&reports, "associating.content"), Some(&3));
    assert_eq!(world.paths(), ["a/1", "b", "c"]);
    assert_eq!(world.stored(), 2);
    assert_eq!(world.count("SELECT count(*) FROM remote_artifact"), 3);
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 0);

    let (made, reports) = world.sync("immediate", false, true).unwrap();
    assert_eq!(made, Made::default());
    assert!(done(&reports, "sync.was_skipped").is_some());
    let (made, reports) = world.sync("immediate", false, false).unwrap();
    assert_eq!(made, Made::default());
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&0));
    assert_eq!(done(&reports, "associating.content"), Some(&0));
    assert_eq!(world.count("SELECT count(*) FROM remote_artifact"), 3);
}

#[test]
fn files_left_upstream_come_with_an_immediate_sync_without_a_new_version() {
    let world = World::new();
    world.offer(&[("a", "one"), ("b", "two")]);
    let (made, _) = world.sync("on_demand", false, true).unwrap();
    assert!(made.version.is_some());
    assert_eq!(world.stored(), 0);
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 2);
    let (made, reports) = world.sync("immediate", false, true).unwrap();
    assert_eq!(made.version, None);
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&2));
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 0);
    // Bytes that were given up again are reason enough for another run.
    world.fixture.write(|conn| conn.execute("UPDATE content_artifact SET artifact_id = NULL", &[]));
    let (_, reports) = world.sync("immediate", false, true).unwrap();
    assert!(done(&reports, "sync.was_skipped").is_none());
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 0);
}

#[test]
fn a_mirror_drops_what_upstream_dropped_and_publishes() {
    let world = World::new();
    world.offer(&[("a", "one"), ("b", "two")]);
    world.sync("on_demand", false, true).unwrap();
    world.offer(&[("b", "two"), ("c", "three")]);
    let (made, _) = world.sync("on_demand", false, true).unwrap();
    assert!(made.version.is_some());
    assert_eq!(world.paths(), ["a", "b", "c"]);
    let (made, reports) = world.sync("on_demand", true, true).unwrap();
    assert!(made.version.is_some() && made.publication.is_some());
    assert_eq!(done(&reports, "unassociating.content"), Some(&1));
    assert_eq!(world.paths(), ["b", "c"]);
    assert_eq!(world.count("SELECT count(*) FROM published_metadata"), 1);
}

#[test]
fn a_changed_file_replaces_the_one_at_its_path() {
    let world = World::new();
    world.offer(&[("a", "one"), ("b", "two")]);
    world.sync("immediate", false, true).unwrap();
    world.offer(&[("a", "1"), ("b", "two")]);
    let (made, reports) = world.sync("immediate", false, true).unwrap();
    assert!(made.version.is_some());
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&1));
    assert_eq!(world.paths(), ["a", "b"]);
}

#[test]
fn a_wrong_file_fails_the_sync_and_the_right_ones_are_reused() {
    let world = World::new();
    // One after the other, or the wrong one may come first.
    world.fixture.write(|conn| conn.execute("UPDATE remote SET download_concurrency = 1", &[]));
    world.offer(&[("a", "one"), ("b", "two"), ("!c", "three")]);
    let error = world.sync("immediate", false, true).unwrap_err();
    assert!(error.public_text().contains("PLP0003"), "{error}");
    assert_eq!(world.paths(), Vec::<String>::new());
    let kept = world.count("SELECT count(*) FROM artifact");
    assert!(kept >= 1, "what was verified before stays");
    assert_eq!(world.stored() as i64, kept);
    world.offer(&[("a", "one"), ("b", "two"), ("c", "three")]);
    let (made, reports) = world.sync("immediate", false, true).unwrap();
    assert_eq!(made.version.map(|version| version.number), Some(1));
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&(3 - kept)));
}

#[test]
fn one_path_twice_is_no_version() {
    let world = World::new();
    let digest = |text: &str| Digests::of(text.as_bytes(), DigestSet::sha256()).unwrap().sha256;
    world.put("LIST", &format!("a {}\na {}\n", digest("one"), digest("two")));
    let error = world.sync("on_demand", false, true).unwrap_err();
    assert!(error.public_text().contains("PLP0022"), "{error}");
    world.put("LIST", &format!("a {0}\na {0}\n", digest("one")));
    assert!(world.sync("on_demand", false, true).unwrap().0.version.is_some(), "the same line twice is harmless");
}

#[test]
fn files_without_a_digest_are_fetched_until_they_are_here() {
    let world = World::new();
    world.put("a", "one");
    world.put("LIST", "a -\n");
    world.sync("immediate", false, true).unwrap();
    assert_eq!(world.count("SELECT count(*) FROM content_artifact WHERE artifact_id IS NULL"), 0);
    let (_, reports) = world.sync("immediate", false, false).unwrap();
    assert_eq!(done(&reports, "sync.downloading.artifacts"), Some(&0));
}

#[test]
fn metadata_does_not_hide_a_unit() {
    let world = World::new();
    world.offer(&[("a", "one"), ("index", "two")]);
    let version = world.sync("on_demand", false, true).unwrap().0.version.unwrap().id;
    let task: Arc<dyn Task> = Arc::new(Unstopped::default());
    let request = |index: &str| PublishRequest {
        repository_version: version,
        pulp_type: "toy.toy".into(),
        details: json!({"index": index}),
        checkpoint: false,
    };
    let error = world
        .runtime
        .block_on(crate::ops::publish::publish(&world.stores, &task, &Toy, request("index"), |_, id| Ok(id)))
        .unwrap_err();
    assert!(matches!(&error, Error::Conflict(text) if text.contains("`index`")), "{error}");
    assert_eq!(world.count("SELECT count(*) FROM publication"), 0);
    world
        .runtime
        .block_on(crate::ops::publish::publish(&world.stores, &task, &Toy, request("other"), |_, id| Ok(id)))
        .unwrap();
    assert_eq!(world.count("SELECT count(*) FROM publication"), 1);
}

#[test]
fn large_versions_are_sorted_in_runs() {
    let world = World::new();
    let names: Vec<String> = (0..6000).map(|n| format!("{:04}", (n * 7919) % 6000)).collect();
    let digest = Digests::of(b"", DigestSet::sha256()).unwrap().sha256;
    world.put("LIST", &names.iter().map(|name| format!("{name} {digest}\n")).collect::<String>());
    let version = world.sync("on_demand", false, true).unwrap().0.version.unwrap().id;
    let version = world.fixture.read(|conn| publications::version(conn, version)).unwrap();
    let mut files = Files::new(world.stores.db.clone(), world.stores.storage.clone(), version).sorting(1);
    let mut found = Vec::new();
    while let Some(page) = world.runtime.block_on(files.next_page()).unwrap() {
        found.extend(page.into_iter().map(|file| file.relative_path));
    }
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(staged(world.fixture.folder.path()), 2);
    drop(files);
    assert_eq!(staged(world.fixture.folder.path()), 0);
}

fn staged(folder: &Path) -> usize {
    fs::read_dir(folder.join("store").join("tmp")).unwrap().count()
}
