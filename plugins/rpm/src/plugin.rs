//! What core is told of the format.

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::Result;
use pith_core::plugin::{
    ContentType, Inspection, Migrations, Plugin, PublicationWriter, Pullable, PulledUnit, SyncJob, SyncOptions,
    UpstreamReader, VersionReader,
};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use crate::content::package::PackageContent;
use crate::{publish, resources, sync};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct RpmPlugin {
    changelog_limit: usize,
}

impl RpmPlugin {
    /// Keeps so many entries of a package's changelog, the newest.
    pub fn new(changelog_limit: usize) -> Self {
        Self { changelog_limit }
    }
}

#[async_trait]
impl Plugin for RpmPlugin {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> &'static str {
        "3.39.4"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pulp-rpm", "pulp_rpm.app")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "rpm",
            steps: &[("0001_package", include_str!("../../../migrations/rpm/0001_package.sql"))],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(PackageContent { changelog_limit: self.changelog_limit })]
    }

    /// Versions of one package may have one file name: which of them is published, the publication says.
    fn paths_may_repeat(&self) -> bool {
        true
    }

    fn remote_query(&self, remote: &Json) -> Option<String> {
        remote.get("sles_auth_token").and_then(Json::as_str).map(str::to_owned)
    }

    fn sync_options(&self, given: &Map<String, Json>, repository: &Json) -> Result<SyncOptions> {
        sync::options(given, repository)
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        sync::sync(job, self.changelog_limit).await
    }

    async fn upstream_file(&self, upstream: &UpstreamReader, path: &str) -> Result<Option<Pullable>> {
        Ok(sync::pull::upstream_file(&upstream.remote.url, path))
    }

    async fn pulled_unit(&self, path: &str, file: &Inspection, _: &Json) -> Result<Option<PulledUnit>> {
        sync::pull::unit(path, file, self.changelog_limit).await
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publish::publish(version, publication).await
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
