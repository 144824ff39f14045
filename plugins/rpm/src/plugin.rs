//! What core is told of the format.

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::Result;
use pith_core::plugin::{
    ContentType, FileSigner, Migrations, Plugin, PublicationWriter, ServedDistribution, VersionReader,
};
use pith_core::resource::Resource;
use serde_json::Value as Json;

use crate::content::package::PackageContent;
use crate::signer::PackageSigner;
use crate::{config_repo, publish, resources};

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

    fn file_signer(&self) -> Option<Arc<dyn FileSigner>> {
        Some(Arc::new(PackageSigner))
    }

    fn generated_files(&self) -> &'static [&'static str] {
        &[config_repo::NAME]
    }

    fn generated_file(&self, _: &str, distribution: &ServedDistribution) -> Option<String> {
        config_repo::render(distribution)
    }

    async fn publish(&self, version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
        publish::publish(version, publication).await
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
