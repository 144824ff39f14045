//! The format as core sees it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{
    ContentType, DraftUnits, Exchange, Face, Inspection, Migrations, Plugin, PublicationWriter, Pullable, PulledUnit,
    Replication, RepositoryJob, Scanner, SyncJob, UpstreamReader, VersionReader,
};
use pith_core::resource::Resource;
use serde_json::Value as Json;

use crate::attestation::Trust;
use crate::content::{PackageContent, ProvenanceContent, YankContent};
use crate::face::PypiFace;
use crate::scan::PackageScanner;
use crate::{exchange, publish, repair, replication, resources, rules, sync};

/// The format.
#[derive(Clone, Debug, Default)]
pub struct PythonPlugin {
    trust: Trust,
}

impl PythonPlugin {
    /// Beside the attestations of the public Sigstore instance it believes those of the instances whose
    /// `trusted_root.json` lies at these paths.
    pub fn trusting(roots: Vec<PathBuf>) -> Self {
        Self { trust: Trust::new(roots) }
    }
}

#[async_trait]
impl Plugin for PythonPlugin {
    fn name(&self) -> &'static str {
        "python"
    }

    fn version(&self) -> &'static str {
        "3.37.1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pulp-python", "pulp_python.app")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "python",
            steps: &[("0001_initial", include_str!("../../../migrations/python/0001_initial.sql"))],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        let trust = || self.trust.clone();
        vec![
            Arc::new(PackageContent { trust: trust() }),
            Arc::new(ProvenanceContent { trust: trust() }),
            Arc::new(YankContent),
        ]
    }

    fn face(&self) -> Option<Arc<dyn Face>> {
        Some(Arc::new(PypiFace))
    }

    /// An index is made of the version itself.
    fn serves_publications(&self) -> bool {
        false
    }

    fn groups(&self) -> &'static [(&'static str, &'static str)] {
        sync::GROUPS
    }

    async fn sync(&self, job: &SyncJob) -> Result<()> {
        sync::sync(job).await
    }

    async fn upstream_file(&self, upstream: &UpstreamReader, path: &str) -> Result<Option<Pullable>> {
        sync::pull::upstream_file(upstream, path).await
    }

    async fn withholds(&self, upstream: &UpstreamReader, path: &str) -> Result<bool> {
        sync::pull::withholds(upstream, path).await
    }

    async fn pulled_unit(&self, path: &str, file: &Inspection, told: &Json) -> Result<Option<PulledUnit>> {
        sync::pull::unit(path, file, told).await
    }

    fn finish_version(&self, draft: &mut DraftUnits<'_>) -> Result<()> {
        rules::check(draft)
    }

    async fn work(&self, work: &str, job: &RepositoryJob) -> Result<Json> {
        match work {
            resources::REPAIR => repair::repair(job).await,
            other => Err(Error::internal(format!("the format knows no work called `{other}`"))),
        }
    }

    fn exchange(&self) -> Option<Exchange> {
        Some(exchange::exchange())
    }

    fn replication(&self) -> Option<Replication> {
        Some(replication::replication())
    }

    fn scanner(&self) -> Option<Arc<dyn Scanner>> {
        Some(Arc::new(PackageScanner))
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publish::publish(version, publication).await
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
