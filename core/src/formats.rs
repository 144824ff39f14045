//! What content delivery is told about formats and remotes, and how it keeps what it pulled through.

use std::sync::{Arc, OnceLock, Weak};

use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use crate::app::{App, Shared};
use crate::db::delivery::StoredFile;
use crate::db::pending::Pending;
use crate::db::{Conn, artifacts};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::native;
use crate::ops::{content, create_content, upkeep_tasks};
use crate::params;
use crate::plugin::{Inspection, Unit, UpstreamFile, Version, VersionUnits};
use crate::serve::{Formats, Pointer, Pulled};
use crate::storage::{Algorithm, Digests};
use crate::tasks::{self, NewTask};

/// Formats as this process has them; bound to it once it is complete.
#[derive(Default)]
pub struct KnownFormats(OnceLock<Weak<App>>);

impl KnownFormats {
    pub fn bind(&self, app: &Shared) {
        // Bound once, right after the process is made.
        let _ = self.0.set(Arc::downgrade(app));
    }

    fn app(&self) -> Result<Shared> {
        self.0.get().and_then(Weak::upgrade).ok_or_else(|| Error::internal("the process is not complete"))
    }
}

#[async_trait]
impl Formats for KnownFormats {
    fn publishes(&self, pulp_type: &str) -> bool {
        self.app().is_ok_and(|app| app.registry.publishes(pulp_type))
    }

    fn has_face(&self, pulp_type: &str) -> bool {
        self.app().is_ok_and(|app| app.registry.face(pulp_type).is_some())
    }

    fn units(&self, pulp_type: &str, version: Version, pending: &Pending) -> Option<VersionUnits> {
        let app = self.app().ok()?;
        let types = app.registry.plugin(pulp_type)?.content_types();
        Some(
            VersionUnits::new(app.db.clone(), version, types)
                .with_waiting(&pending.units, pending.since.unwrap_or(version.created)),
        )
    }

    fn native<'a>(
        &'a self,
        request: &'a HttpRequest,
        pointer: &'a Arc<Pointer>,
        path: &'a str,
    ) -> LocalBoxFuture<'a, Option<Result<HttpResponse>>> {
        Box::pin(async move {
            let app = self.app().ok()?;
            native::on_content_face(&app, request, pointer, path).await
        })
    }

    fn upstream_file(&self, pulp_type: &str, remote_url: &str, path: &str) -> Option<UpstreamFile> {
        self.app().ok()?.registry.plugin(pulp_type)?.upstream_file(remote_url, path)
    }

    async fn downloader(&self, remote: Id) -> Result<Downloader> {
        let app = self.app()?;
        upkeep_tasks::downloader(&app, remote).await
    }

    async fn keep_pulled(&self, mut pulled: Pulled) -> Result<StoredFile> {
        let app = self.app()?;
        let (size, digests) = (pulled.staged.size, pulled.staged.digests.clone());
        let path = Some(pulled.staged.on_disk().await?);
        let inspection = Inspection { path, file_name: None, size, digests: digests.clone() };
        let plugin = app.registry.plugin(&pulled.pulp_type);
        let unit = plugin.and_then(|plugin| plugin.pulled_unit(&pulled.path, &inspection));
        let _announced = app.db.announce(std::slice::from_ref(&digests.sha256)).await?;
        app.storage.keep(pulled.staged).await?;
        let shared = app.clone();
        let source = (pulled.remote, pulled.url);
        let file = StoredFile { sha256: digests.sha256.clone(), size, created: now() };
        let content = app.db.write(move |conn| store(&shared, conn, unit, size, &digests, &source)).await?;
        if let (Some(content), Some(repository)) = (content, pulled.repository) {
            add_to_repository(&app, repository, content).await?;
        }
        Ok(file)
    }
}

/// Stores the artifact and, where the format makes a unit of it, the unit and its source.
fn store(
    app: &App,
    conn: &mut Conn,
    unit: Option<(&'static str, Unit)>,
    size: u64,
    digests: &Digests,
    (remote, url): &(Id, String),
) -> Result<Option<Id>> {
    artifacts::insert(conn, app.domain, size, digests)?;
    let Some((pulp_type, unit)) = unit else { return Ok(None) };
    let content_type = app.registry.content_type(pulp_type).ok_or_else(|| Error::internal("no such content type"))?;
    let stored = content::get_or_create_labelled(conn, app.domain, &**content_type, &unit, &json!({}))?;
    let known = Algorithm::ALL.into_iter().filter_map(|one| Some((one.name(), digests.get(one)?)));
    let known: serde_json::Map<_, _> = known.map(|(name, digest)| (name.to_owned(), json!(digest))).collect();
    for file in &stored.files {
        conn.execute(
            "INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url, size, digests)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            params![
                Id::new(),
                file.id,
                *remote,
                url,
                i64::try_from(size).unwrap_or(i64::MAX),
                serde_json::Value::Object(known.clone())
            ],
        )?;
    }
    Ok(Some(stored.id))
}

async fn add_to_repository(app: &Shared, repository: Id, content: Id) -> Result<()> {
    let shared = app.clone();
    let prn = app.db.read(move |conn| create_content::repository_prn(&shared, conn, repository)).await?;
    let task = NewTask {
        name: "pulpcore.app.tasks.repository.add_and_remove".into(),
        kind: "modify",
        kind_if_blocked: None,
        args: json!({
            "repository": repository, "add": [content], "remove": [], "remove_all": false,
            "base_version": null, "overwrite": true,
        }),
        exclusive: vec![prn],
        shared: vec![],
        cid: uuid::Uuid::new_v4().simple().to_string(),
        created_by: None,
        group: None,
        parent: None,
        measures_memory: false,
    };
    tasks::dispatch(app, task).await.map(drop)
}
