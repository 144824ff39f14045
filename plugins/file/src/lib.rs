//! Files of any kind: the simplest format, and the one to copy from. An upstream is a manifest that lists
//! files ([`manifest`]); a unit is a file at a path; a publication serves the files of a version at their
//! paths, beside a manifest of its own.
//!
//! A format implements [`Plugin`] and one [`ContentType`] per kind of unit, here:
//! - `resources.rs`: the REST collections, as values;
//! - `content.rs`: what a unit is and how a file becomes one;
//! - `sync.rs`: reading an upstream;
//! - `publish.rs`: making a publication;
//! - `replication.rs`: how another server's distributions are read;
//! - `exchange.rs`: what exports say of units, and back;
//! - `manifest.rs`: the wire format, knowing nothing of the rest;
//! - `git/`: another kind of upstream, repositories of Git.
//!
//! It never sees a request, a connection to the database or a key of the object store.

mod content;
mod exchange;
mod git;
pub mod manifest;
mod publish;
mod replication;
mod resources;
mod sync;

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::Result;
use pith_core::plugin::{
    ContentType, Exchange, Inspection, Migrations, Plugin, PublicationWriter, Pullable, PulledUnit, Replication,
    SyncJob, UpstreamReader, VersionReader,
};
use pith_core::resource::Resource;
use serde_json::Value as Json;

pub use content::FileContent;

/// The name of repositories, remotes, publications, distributions and content of this format.
const PULP_TYPE: &str = "file.file";

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilePlugin;

#[async_trait]
impl Plugin for FilePlugin {
    fn name(&self) -> &'static str {
        "file"
    }

    fn version(&self) -> &'static str {
        "3.123.1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pulpcore", "pulp_file.app")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "file",
            steps: &[("0001_initial", include_str!("../../../migrations/file/0001_initial.sql"))],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(FileContent)]
    }

    async fn upstream_file(&self, upstream: &UpstreamReader, path: &str) -> Result<Option<Pullable>> {
        // Files of a commit come all together.
        let is_folder = upstream.remote.pulp_type == PULP_TYPE;
        Ok(sync::upstream_file(&upstream.remote.url, path).filter(|_| is_folder))
    }

    async fn pulled_unit(&self, path: &str, file: &Inspection, _: &Json) -> Result<Option<PulledUnit>> {
        Ok(content::pulled(path, file))
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        match job.remote.pulp_type.as_str() {
            git::PULP_TYPE => git::sync(job).await,
            _ => sync::sync(job).await,
        }
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publish::publish(version, publication).await
    }

    fn exchange(&self) -> Option<Exchange> {
        Some(exchange::exchange())
    }

    fn replication(&self) -> Option<Replication> {
        Some(replication::replication())
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
