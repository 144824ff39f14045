//! A site: a database, a store and the content face over them, on a port of its own.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;

use crate::config::{Config, Overrides};
use crate::db::{Address, Db, Value, sqlite_file};
use crate::download::{Downloader, RemoteSettings, install_tls_provider};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;
use crate::plugin::{Pullable, UpstreamFile, Version, VersionUnits};
use crate::serve::{Delivery, Distribution, Formats, Pulled, StoredFile, routes, server};
use crate::storage::{DigestSet, Storage, StorageConfig};

pub struct Site {
    pub db: Db,
    pub storage: Storage,
    pub delivery: Delivery,
    pub domain: Id,
    pub url: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// What a test looks at.
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    /// None when the connection broke before the end.
    pub body: Option<Bytes>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }
}

impl Site {
    pub async fn start() -> Self {
        install_tls_provider();
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 4).unwrap();
        db.migrate_core().unwrap();
        let overrides = Overrides { data_dir: Some(folder.path().display().to_string()), ..Overrides::default() };
        let config = Config::load(&overrides, std::iter::empty(), None).unwrap();
        let place = StorageConfig {
            url: folder.path().join("media").display().to_string(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            allow_http: false,
            staging: PathBuf::new(),
            digests: DigestSet::default(),
            ..StorageConfig::default()
        };
        let storage = Storage::open(&place).await.unwrap();
        let formats = Arc::new(Files { db: db.clone(), storage: storage.clone() });
        let domain = Id::new();
        let delivery = Delivery::new(&config, db.clone(), (domain, storage.clone()), formats).unwrap();
        let served = delivery.clone();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(
            server(listener, 2, Some(served.clone()), move |services| routes(services, &served)).unwrap(),
        );
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let site = Self { db, storage, delivery, domain, url, client, _folder: folder };
        site.write(
            "INSERT INTO domain (id, created, updated, name, labels) VALUES ($1, $2, $2, 'default', '{}')",
            params![site.domain, now()],
        );
        site
    }

    pub fn write(&self, sql: &str, params: &[Value]) {
        let (sql, params) = (sql.to_owned(), params.to_vec());
        self.db.write_blocking(move |conn| conn.execute(&sql, &params)).unwrap();
        self.delivery.distributions_changed();
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[]).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.ok() }
    }

    pub async fn artifact(&self, bytes: &[u8]) -> Id {
        let staged = self.storage.stage_bytes(Bytes::copy_from_slice(bytes), DigestSet::sha256()).await.unwrap();
        let (id, sha256) = (Id::new(), staged.digests.sha256.clone());
        self.storage.keep(staged).await.unwrap();
        self.write(
            "INSERT INTO artifact (id, domain_id, created, updated, size, sha256, timestamp_of_interest)
             VALUES ($1, $2, $3, $3, $4, $5, $3)",
            params![id, self.domain, now(), bytes.len() as i64, sha256],
        );
        id
    }

    /// A unit of one file; the id of its content artifact.
    pub fn content(&self, path: &str, artifact: Option<Id>) -> (Id, Id) {
        let (content, content_artifact) = (Id::new(), Id::new());
        self.write(
            "INSERT INTO content (id, domain_id, created, updated, pulp_type, labels, timestamp_of_interest)
             VALUES ($1, $2, $3, $3, 'file.file', '{}', $3)",
            params![content, self.domain, now()],
        );
        self.write(
            "INSERT INTO content_artifact (id, content_id, artifact_id, relative_path) VALUES ($1, $2, $3, $4)",
            params![content_artifact, content, artifact, path],
        );
        (content, content_artifact)
    }

    pub fn repository(&self) -> Id {
        let id = Id::new();
        self.write(
            "INSERT INTO repository (id, domain_id, created, updated, pulp_type, name, labels, next_version,
                 user_hidden, details) VALUES ($1, $2, $3, $3, 'file.file', $4, '{}', 1, false, '{}')",
            params![id, self.domain, now(), id.to_string()],
        );
        id
    }

    pub fn version(&self, repository: Id, number: i64) -> Id {
        let id = Id::new();
        self.write(
            "INSERT INTO repository_version (id, repository_id, created, updated, number) VALUES ($1, $2, $3, $3, $4)",
            params![id, repository, now(), number],
        );
        id
    }

    pub fn member(&self, repository: Id, content: Id, added: i64, removed: Option<i64>) {
        self.write(
            "INSERT INTO repository_content (repository_id, content_id, version_added, version_removed)
             VALUES ($1, $2, $3, $4)",
            params![repository, content, added, removed],
        );
    }

    pub fn publication(&self, version: Id, created: Instant, checkpoint: bool) -> Id {
        let id = Id::new();
        self.write(
            "INSERT INTO publication (id, domain_id, created, updated, pulp_type, repository_version_id, pass_through,
                 checkpoint, details) VALUES ($1, $2, $3, $3, 'file.file', $4, true, $5, '{}')",
            params![id, self.domain, created, version, checkpoint],
        );
        id
    }

    pub fn metadata(&self, publication: Id, path: &str, artifact: Id) {
        self.write(
            "INSERT INTO published_metadata (publication_id, relative_path, artifact_id) VALUES ($1, $2, $3)",
            params![publication, path, artifact],
        );
    }

    /// A distribution whose `column` points to `target`.
    pub fn distribution(&self, pulp_type: &str, base_path: &str, column: &str, target: Option<Id>) -> Id {
        let id = Id::new();
        self.write(
            &format!(
                "INSERT INTO distribution (id, domain_id, created, updated, pulp_type, name, labels, base_path, hidden,
                     checkpoint, {column}, details) VALUES ($1, $2, $3, $3, $4, $5, '{{}}', $5, false, false, $6, '{{}}')"
            ),
            params![id, self.domain, now(), pulp_type, base_path, target],
        );
        id
    }

    pub fn remote(&self, url: &str, policy: &str) -> Id {
        let id = Id::new();
        self.write(
            "INSERT INTO remote (id, domain_id, created, updated, pulp_type, name, labels, url, policy, tls_validation,
                 details) VALUES ($1, $2, $3, $3, 'file.file', $4, '{}', $5, $6, true, '{}')",
            params![id, self.domain, now(), id.to_string(), url, policy],
        );
        id
    }

    /// Says that `remote` has the file of a content artifact.
    pub fn source(&self, content_artifact: Id, remote: Id, url: &str, size: Option<i64>, sha256: &str) {
        self.write(
            "INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url, size, digests)
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![Id::new(), content_artifact, remote, url, size, serde_json::json!({"sha256": sha256})],
        );
    }

    /// A repository with one version that holds `files`, and a publication of it.
    pub async fn published(&self, files: &[(&str, &[u8])]) -> (Id, Id, Id) {
        let repository = self.repository();
        let version = self.version(repository, 1);
        for (path, bytes) in files {
            let artifact = self.artifact(bytes).await;
            let (content, _) = self.content(path, Some(artifact));
            self.member(repository, content, 1, None);
        }
        (repository, version, self.publication(version, now() - TimeDelta::seconds(1), false))
    }
}

/// A format that publishes, and one that does not.
struct Files {
    db: Db,
    storage: Storage,
}

#[async_trait]
impl Formats for Files {
    fn publishes(&self, pulp_type: &str) -> bool {
        pulp_type == "file.file"
    }

    fn has_face(&self, _pulp_type: &str) -> bool {
        false
    }

    fn units(
        &self,
        _pulp_type: &str,
        _version: Version,
        _pending: &crate::db::pending::Pending,
    ) -> Option<VersionUnits> {
        None
    }

    async fn upstream_file(&self, distribution: &Distribution, path: &str) -> Result<Option<Pullable>> {
        let Some(remote) = distribution.remote else { return Ok(None) };
        let remote = self.db.read(move |conn| crate::db::lazy::remote(conn, remote)).await?;
        let file = |remote: crate::db::lazy::Remote| UpstreamFile {
            url: format!("{}/{path}", remote.url),
            size: None,
            digests: Vec::new(),
        };
        Ok(remote.map(|remote| Pullable { file: file(remote), told: serde_json::Value::Null }))
    }

    async fn withholds(&self, _distribution: &Distribution, _path: &str) -> Result<bool> {
        Ok(false)
    }

    async fn downloader(&self, _remote: Id) -> Result<Downloader> {
        let settings = RemoteSettings { tls_validation: true, max_retries: Some(0), ..RemoteSettings::default() };
        Downloader::new(&settings, &[])
    }

    async fn add_to_repository(&self, _domain: Id, _repository: Id, _units: Vec<Id>) -> Result<()> {
        Ok(())
    }

    async fn keep_pulled(&self, pulled: Pulled) -> Result<StoredFile> {
        let (size, digests) = (pulled.staged.size, pulled.staged.digests.clone());
        self.storage.keep(pulled.staged).await?;
        let write = self.db.write(move |conn| {
            let (content, content_artifact) = (Id::new(), Id::new());
            conn.execute(
                "INSERT INTO content (id, domain_id, created, updated, pulp_type, labels, timestamp_of_interest)
                 SELECT $1, id, $2, $2, 'file.file', '{}', $2 FROM domain",
                params![content, now()],
            )?;
            conn.execute(
                "INSERT INTO content_artifact (id, content_id, relative_path) VALUES ($1, $2, $3)",
                params![content_artifact, content, pulled.path],
            )?;
            conn.execute(
                "INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url, digests)
                 VALUES ($1, $2, $3, $4, '{}')",
                params![Id::new(), content_artifact, pulled.remote, pulled.url],
            )?;
            crate::db::lazy::attach(conn, content_artifact, size, &digests)
        });
        write.await?;
        Ok(StoredFile { sha256: self.last_sha256().await?, size, created: now() })
    }
}

impl Files {
    async fn last_sha256(&self) -> Result<crate::id::Sha256> {
        let sql = "SELECT sha256 FROM artifact ORDER BY created DESC LIMIT 1";
        self.db.read(move |conn| conn.query_one(sql, &[])?.get(0)).await
    }
}
