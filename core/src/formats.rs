//! What content delivery is told about formats and remotes, and how it keeps what it pulled through.

use std::sync::{Arc, OnceLock, Weak};

use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use crate::app::{App, Shared};
use crate::auth::Actor;
use crate::db::delivery::{self, Distribution, StoredFile, Tree};
use crate::db::listing::Listed;
use crate::db::pending::Pending;
use crate::db::remotes::RemoteFile;
use crate::db::{Conn, access_policies, artifacts, remotes, units};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::guards::{self, Guard};
use crate::id::{Id, now};
use crate::native;
use crate::ops::inspect::NewUnit;
use crate::ops::{content, create_content, inspect, upkeep_tasks, upstreams};
use crate::plugin::{Inspection, Pullable, PulledUnit, ServedDistribution, UpstreamReader, Version, VersionUnits};
use crate::resource::face_viewset;
use crate::rest::authenticate;
use crate::serve::{Formats, Made, MadeAnswer, Pointer, Pulled, ServedDomain};
use crate::storage::Algorithm;
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

    fn changed_policies(&self, conn: &mut Conn, pulp_type: &str) -> Result<Vec<String>> {
        let app = self.app()?;
        let Some(face) = app.registry.face(pulp_type) else { return Ok(vec![]) };
        let start = face_viewset(face.prefix(), "");
        let changed = access_policies::changed(conn)?;
        Ok(changed.into_iter().filter(|viewset| viewset.starts_with(&start)).collect())
    }

    async fn domain(&self, name: &str) -> Result<Option<Arc<ServedDomain>>> {
        let Some(app) = self.app()?.of_domain_named(name).await? else { return Ok(None) };
        Ok(Some(Arc::new(ServedDomain {
            id: app.domain,
            storage: app.storage.clone(),
            redirects: app.tenant.redirect_to_object_storage,
            listed: Listed::of(app.tenant.hide_guarded_distributions),
        })))
    }

    fn guard(&self, conn: &mut Conn, id: Id) -> Result<Guard> {
        let app = self.app()?;
        guards::load(&app.scope(""), conn, id)
    }

    fn actor<'a>(&'a self, request: &'a HttpRequest) -> LocalBoxFuture<'a, Result<Option<Actor>>> {
        Box::pin(async move {
            match authenticate::actor(&self.app()?, request).await {
                // Whoever fails to prove who they are is nobody.
                Err(Error::Unauthenticated(_) | Error::TooManyLogins(_) | Error::CrossSite(_) | Error::Upstream(_)) => {
                    Ok(None)
                }
                other => other,
            }
        })
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

    async fn upstream_file(&self, distribution: &Distribution, path: &str) -> Result<Option<Pullable>> {
        let app = self.app()?.of_domain(distribution.domain).await?;
        let Some(plugin) = app.registry.plugin(&distribution.pulp_type) else { return Ok(None) };
        let Some(upstream) = upstream(&app, distribution).await? else { return Ok(None) };
        plugin.upstream_file(&upstream, path).await
    }

    async fn withholds(&self, distribution: &Distribution, path: &str) -> Result<bool> {
        if distribution.repository.is_none() {
            return Ok(false);
        }
        let app = self.app()?.of_domain(distribution.domain).await?;
        let Some(plugin) = app.registry.plugin(&distribution.pulp_type) else { return Ok(false) };
        match upstream(&app, distribution).await? {
            Some(upstream) => plugin.withholds(&upstream, path).await,
            None => Ok(false),
        }
    }

    fn generated_files(&self, pulp_type: &str) -> &'static [&'static str] {
        let Ok(app) = self.app() else { return &[] };
        app.registry.plugin(pulp_type).map_or(&[], |plugin| plugin.generated_files())
    }

    async fn generated(&self, pointer: &Pointer, path: &str, origin: &str) -> Result<Option<String>> {
        let app = self.app()?.of_domain(pointer.distribution.domain).await?;
        let pulp_type = &pointer.distribution.pulp_type;
        match app.registry.plugin(pulp_type) {
            Some(plugin) if pointer.publication().is_some() => {
                Ok(plugin.generated_file(path, &served(&app, pointer, origin).await?))
            }
            _ => Ok(None),
        }
    }

    async fn generated_names(&self, pointer: &Pointer) -> Result<Vec<&'static str>> {
        let app = self.app()?.of_domain(pointer.distribution.domain).await?;
        let Some(plugin) = app.registry.plugin(&pointer.distribution.pulp_type) else { return Ok(vec![]) };
        if plugin.generated_files().is_empty() || pointer.publication().is_none() {
            return Ok(vec![]);
        }
        let served = served(&app, pointer, "").await?;
        let has = |name: &&str| plugin.generated_file(name, &served).is_some();
        Ok(plugin.generated_files().iter().copied().filter(has).collect())
    }

    fn makes_files(&self, pulp_type: &str) -> bool {
        self.app().is_ok_and(|app| app.registry.plugin(pulp_type).is_some_and(|plugin| plugin.makes_files()))
    }

    async fn made(&self, pointer: &Pointer, asked: Made) -> Result<Option<MadeAnswer>> {
        let app = self.app()?;
        let pulp_type = &pointer.distribution.pulp_type;
        let (Some(plugin), Some(Tree::Version(version))) = (app.registry.plugin(pulp_type), &pointer.tree) else {
            return Ok(None);
        };
        let version = *version;
        let Some(version) = app.db.read(move |conn| units::version(conn, version)).await? else { return Ok(None) };
        let units = VersionUnits::new(app.db.clone(), version, plugin.content_types());
        Ok(match asked {
            Made::Names => Some(MadeAnswer::Names(plugin.made_names(&units).await?)),
            Made::File(name) => plugin.made_file(&units, &name).await?.map(MadeAnswer::File),
        })
    }

    async fn downloader(&self, remote: Id) -> Result<Downloader> {
        let app = self.app()?;
        upkeep_tasks::downloader(&app, remote).await
    }

    async fn keep_pulled(&self, mut pulled: Pulled) -> Result<StoredFile> {
        let app = self.app()?.of_domain(pulled.domain).await?;
        let (size, digests) = (pulled.staged.size, pulled.staged.digests.clone());
        let path = Some(pulled.staged.on_disk().await?);
        let inspection = Inspection { path, file_name: None, size, digests: digests.clone() };
        let unit = match app.registry.plugin(&pulled.pulp_type) {
            Some(plugin) => plugin.pulled_unit(&pulled.path, &inspection, &pulled.told).await?,
            None => None,
        };
        let (new, _announced) = match unit {
            Some(unit) => {
                let PulledUnit { content_type, inspected, mut urls } = unit;
                let kept = inspect::keep(&app, inspected, (size, digests.clone()), Some(pulled.staged)).await?;
                if urls.is_empty() {
                    urls.push(pulled.url);
                }
                (Some((content_type, kept.0, urls)), kept.1)
            }
            None => {
                let announced = app.db.announce(app.domain, std::slice::from_ref(&digests.sha256)).await?;
                app.storage.keep(pulled.staged).await?;
                (None, announced)
            }
        };
        let (shared, remote) = (app.clone(), pulled.remote);
        let file = StoredFile { sha256: digests.sha256.clone(), size, created: now() };
        let write = app.db.write(move |conn| match new {
            Some((content_type, new, urls)) => store(&shared, conn, content_type, &new, (remote, &urls)),
            None => artifacts::insert(conn, shared.domain, size, &digests).map(|_| vec![]),
        });
        let content = write.await?;
        if let (Some(repository), false) = (pulled.repository, content.is_empty()) {
            self.add_to_repository(pulled.domain, repository, content).await?;
        }
        Ok(file)
    }

    async fn add_to_repository(&self, domain: Id, repository: Id, units: Vec<Id>) -> Result<()> {
        let app = self.app()?.of_domain(domain).await?;
        let shared = app.clone();
        let prn = app.db.read(move |conn| create_content::repository_prn(&shared, conn, repository)).await?;
        let task = NewTask {
            name: "pulpcore.app.tasks.repository.add_and_remove".into(),
            kind: "modify",
            kind_if_blocked: None,
            args: json!({
                "repository": repository, "add": units, "remove": [], "remove_all": false,
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
        tasks::dispatch(&app, task).await.map(drop)
    }
}

async fn upstream(app: &App, distribution: &Distribution) -> Result<Option<UpstreamReader>> {
    match distribution.remote {
        Some(remote) => upstreams::reader(app, remote, distribution.repository).await,
        None => Ok(None),
    }
}

/// What files are made of that a format makes when they are asked for.
async fn served(app: &App, pointer: &Pointer, origin: &str) -> Result<ServedDistribution> {
    let (distribution, publication) = (pointer.distribution.id, pointer.publication());
    let (name, publication) = app.db.read(move |conn| delivery::described(conn, distribution, publication)).await?;
    let base_url = format!("{}{}/", app.content_base(Some(origin)), pointer.distribution.base_path);
    Ok(ServedDistribution { name, base_url, details: pointer.distribution.details.clone(), publication })
}

/// Stores a unit with its artifacts, its sources and the units that go with it.
fn store(
    app: &App,
    conn: &mut Conn,
    pulp_type: &str,
    new: &NewUnit,
    (remote, urls): (Id, &[String]),
) -> Result<Vec<Id>> {
    for (size, digests) in &new.artifacts {
        artifacts::insert(conn, app.domain, *size, digests)?;
    }
    let of_type = |name: &str| {
        app.registry.content_type(name).ok_or_else(|| Error::internal(format!("no content type `{name}`")))
    };
    let none = json!({});
    let stored = content::get_or_create_labelled(conn, app.domain, &**of_type(pulp_type)?, &new.unit, &none)?;
    let mut sources = vec![];
    for ((file, unit_file), url) in stored.files.iter().zip(&new.unit.files).zip(urls) {
        let artifact = new.artifacts.iter().find(|(_, digests)| Some(&digests.sha256) == unit_file.sha256.as_ref());
        let digests = artifact.into_iter().flat_map(|(_, digests)| {
            Algorithm::ALL.into_iter().filter_map(|one| Some((one.name(), digests.get(one)?.to_owned())))
        });
        sources.push(RemoteFile {
            content_artifact: file.id,
            url: url.clone(),
            size: artifact.map(|(size, _)| *size),
            digests: digests.collect(),
        });
    }
    remotes::note_files(conn, remote, &sources)?;
    let mut units = vec![stored.id];
    for (name, unit) in &new.companions {
        let stored = content::get_or_create_labelled(conn, app.domain, &**of_type(name)?, unit, &none)?;
        units.push(stored.id);
    }
    Ok(units)
}
