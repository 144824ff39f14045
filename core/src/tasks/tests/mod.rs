//! The queue against a real database: SQLite in a temporary folder, or the PostgreSQL that
//! `PITH_TEST_DATABASE` names (emptied before each test, so run them one at a time).

mod order;
mod profile;
mod schedule;
mod throughput;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

use super::*;
use crate::auth::{CredentialCache, Secrets};
use crate::config::{Config, Overrides};
use crate::db::tasks::{self, State, TaskChildren, TaskRow};
use crate::db::workers::AppType;
use crate::error::Error;
use crate::formats::KnownFormats;
use crate::id::now;
use crate::params;
use crate::resource::Registry;
use crate::rest::Routes;
use crate::serve::Delivery;
use crate::storage::Storage;

struct World {
    app: Shared,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    crate::download::install_tls_provider();
    let folder = tempfile::tempdir().unwrap();
    let overrides = Overrides { data_dir: Some(folder.path().display().to_string()), ..Overrides::default() };
    let config = Config::load(&overrides, std::iter::empty(), None).unwrap();
    let address = address(crate::db::sqlite_file(folder.path()));
    let opened = address.clone();
    let db = tokio::task::spawn_blocking(move || open(&opened)).await.unwrap();
    let app = Arc::new(app(config, queue(db, address)).await);
    // PostgreSQL's client blocks while it closes, which a thread of the runtime must not: it stays open.
    std::mem::forget(app.clone());
    World { app, _folder: folder }
}

fn address(path: std::path::PathBuf) -> Address {
    match std::env::var("PITH_TEST_DATABASE") {
        Ok(url) if url.starts_with("postgres") => Address::Postgres(url),
        _ => Address::Sqlite(path),
    }
}

fn open(address: &Address) -> Db {
    let db = Db::open(address, 12).unwrap();
    if matches!(address, Address::Postgres(_)) {
        for sql in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"] {
            db.write_blocking(|conn| conn.execute(sql, &[])).unwrap();
        }
    }
    db.migrate_core().unwrap();
    db
}

fn queue(db: Db, address: Address) -> Queue {
    Queue::new(QueueParts {
        db,
        address,
        sealing: Sealing {
            seal: Box::new(|value| Ok(value.to_string())),
            open: Box::new(|text| serde_json::from_str(text).map_err(Error::internal)),
        },
        kinds: vec![
            TaskKind::Short { key: "note", run: note },
            TaskKind::Long { key: "hold", run: hold },
            TaskKind::Long { key: "stubborn", run: stubborn },
            TaskKind::Long { key: "panic", run: panicking },
            PURGE,
        ],
        versions: json!({"core": "3.113.0"}),
        workers: 3,
        grace: Duration::from_millis(300),
        shutdown_grace: Duration::from_millis(200),
        worker_ttl: Duration::from_secs(30),
    })
}

/// A process without formats around the queue.
async fn app(config: Config, queue: Queue) -> App {
    let tenant = Arc::new(crate::app::default_domain(&queue.parts.db, &config).await.unwrap());
    config.prepare_data_dir().unwrap();
    let db = queue.parts.db.clone();
    let storage = Storage::open(&crate::app::storage_config(&config).unwrap()).await.unwrap();
    let registry = Arc::new(Registry::new(Vec::new(), crate::rest::core_resources));
    let formats = Arc::new(KnownFormats::default());
    let secrets = Arc::new(Secrets::load_or_create(&config.secret_key_file).unwrap());
    App {
        signing: crate::app::signing(&config, &db, &secrets),
        delivery: Delivery::new(&config, db.clone(), (tenant.id, storage.clone()), formats).unwrap(),
        native: Arc::new(crate::native::Native::new(&config, &registry, storage.clone())),
        readiness: Arc::default(),
        started: std::time::SystemTime::now(),
        migrations: vec![],
        routes: Arc::new(Routes::new(&registry)),
        credentials: Arc::new(CredentialCache::new(1).unwrap()),
        logins: Arc::default(),
        secrets,
        domain: tenant.id,
        tenant,
        domains: Arc::default(),
        api: Arc::new(crate::resource::Api::new(&config.api_root, None)),
        config: Arc::new(config),
        db,
        storage,
        registry,
        queue: Arc::new(queue),
        upstreams: Arc::default(),
    }
}

/// Adds a domain of the given name; may then fail in several ways.
fn note(_: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let name = args["name"].as_str().unwrap_or("x");
    let id = Id::new();
    let add = "INSERT INTO domain (id, created, updated, name, labels) VALUES ($1, $2, $2, $3, $4)";
    conn.execute(add, params![id, now(), name, json!({})])?;
    task.created(format!("prn:core.domain:{id}"), format!("domains/{id}/"));
    task.progress("Noting", "test.note", 1, Some(1));
    match args["then"].as_str() {
        Some("fail") => Err(Error::Conflict("[PLP0011] no".into())),
        Some("panic") => panic!("bad body"),
        _ => Ok(json!({ "name": name })),
    }
}

/// Waits for the given time, or until it is asked to stop.
fn hold(_: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let progress = context.progress("Holding", "test.hold", None);
        progress.add(1);
        let time = Duration::from_millis(args["ms"].as_u64().unwrap_or(0));
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(json!({ "held": true })),
            () = context.cancelled() => Err(Error::Canceled),
        }
    })
}

/// Does not hear.
fn stubborn(_: Shared, _: Json, _: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(std::future::pending())
}

fn panicking(_: Shared, _: Json, _: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async { panic!("bad body") })
}

fn task(kind: &'static str, args: Json, exclusive: &[&str], shared: &[&str]) -> NewTask {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    NewTask {
        name: format!("test.{kind}"),
        kind,
        kind_if_blocked: None,
        args,
        exclusive: names(exclusive),
        shared: names(shared),
        cid: "cid".into(),
        created_by: None,
        group: None,
        parent: None,
        measures_memory: false,
    }
}

impl World {
    async fn dispatch(&self, task: NewTask) -> Id {
        dispatch(&self.app, task).await.unwrap()
    }

    async fn note(&self, name: &str, exclusive: &[&str]) -> Id {
        self.dispatch(task("note", json!({ "name": name }), exclusive, &[])).await
    }

    async fn hold(&self, ms: u64, exclusive: &[&str], shared: &[&str]) -> Id {
        self.dispatch(task("hold", json!({ "ms": ms }), exclusive, shared)).await
    }

    async fn row(&self, id: Id) -> TaskRow {
        self.app.queue.parts.db.read(move |conn| tasks::by_id(conn, id)).await.unwrap().unwrap()
    }

    async fn children(&self, id: Id) -> TaskChildren {
        let row = self.row(id).await;
        let seq = row.seq;
        let load = move |conn: &mut Conn| tasks::children(conn, &[(seq, row.id)]);
        self.app.queue.parts.db.read(load).await.unwrap().remove(&seq).unwrap()
    }

    /// The task once it is in `state`.
    async fn until(&self, id: Id, state: State) -> TaskRow {
        for _ in 0..1000 {
            let row = self.row(id).await;
            if row.state == state {
                return row;
            }
            assert!(!row.state.is_final(), "{state} expected, got {row:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still {:?}", self.row(id).await);
    }

    async fn names(&self) -> Vec<String> {
        let list = |conn: &mut Conn| {
            let rows = conn.query("SELECT name FROM domain WHERE name <> 'default' ORDER BY id", &[])?;
            rows.iter().map(|row| row.get(0)).collect()
        };
        self.app.queue.parts.db.read(list).await.unwrap()
    }

    fn workers(&self) -> Workers {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = self.app.clone();
        let running = async {
            let presence = Presence::begin(&app, AppType::Worker).await?;
            run_workers(app, presence, async { drop(stopped.await) }).await
        };
        Workers { stop, running: tokio::spawn(running) }
    }
}

struct Workers {
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<Result<()>>,
}

impl Workers {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}
