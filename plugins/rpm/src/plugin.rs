//! What core is told of the format.

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{
    ContentType, DraftUnits, FormatOperation, Migrations, OperationJob, Plugin, PublicationWriter, ServedDistribution,
    VersionReader,
};
use pith_core::resource::Resource;
use serde_json::Value as Json;

use crate::content::metadata_types;
use crate::content::package::PackageContent;
use crate::updateinfo::Policy;
use crate::{comps_upload, config_repo, copy, prune, publish, resources, rules};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct RpmPlugin {
    changelog_limit: usize,
    advisories: Policy,
}

impl RpmPlugin {
    /// Keeps so many entries of a package's changelog, the newest.
    pub fn new(changelog_limit: usize) -> Self {
        Self { changelog_limit, advisories: Policy::Strict }
    }

    /// Deals so with advisories of one id that contradict each other; otherwise they are refused.
    pub fn resolving_advisories(self, policy: Policy) -> Self {
        Self { advisories: policy, ..self }
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
            steps: &[
                ("0001_package", include_str!("../../../migrations/rpm/0001_package.sql")),
                ("0002_metadata", include_str!("../../../migrations/rpm/0002_metadata.sql")),
            ],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        let mut types: Vec<Arc<dyn ContentType>> =
            vec![Arc::new(PackageContent { changelog_limit: self.changelog_limit })];
        types.extend(metadata_types());
        types
    }

    fn finish_version(&self, draft: &mut DraftUnits<'_>) -> Result<()> {
        rules::check(draft, self.advisories)
    }

    /// Versions of one package may have one file name: which of them is published, the publication says.
    fn paths_may_repeat(&self) -> bool {
        true
    }

    fn generated_files(&self) -> &'static [&'static str] {
        &[config_repo::NAME]
    }

    fn generated_file(&self, _: &str, distribution: &ServedDistribution) -> Option<String> {
        config_repo::render(distribution)
    }

    fn operations(&self) -> Vec<FormatOperation> {
        vec![copy::operation(), comps_upload::operation(), prune::operation()]
    }

    async fn operate(&self, work: &str, job: &dyn OperationJob) -> Result<Json> {
        match work {
            copy::WORK => copy::copy(job).await,
            comps_upload::WORK => comps_upload::upload(job).await,
            prune::WORK => prune::begin(job).await,
            prune::REPOSITORY_WORK => prune::prune(job).await,
            _ => Err(Error::internal(format!("the format knows no work called `{work}`"))),
        }
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publish::publish(version, publication).await
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
