//! What core is told of the format.

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{
    AccessRequest, ContentType, DraftUnits, Exchange, FileSigner, FormatOperation, Inspection, Migrations,
    OperationJob, Plugin, PublicationWriter, Pullable, PulledUnit, RemoteAccess, Replication, Scanner,
    ServedDistribution, SyncJob, SyncOptions, UpstreamReader, VersionReader,
};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use crate::content::package::PackageContent;
use crate::scan::PackageScanner;
use crate::signer::PackageSigner;
use crate::uln::Channel;
use crate::updateinfo::Policy;
use crate::{comps_upload, config_repo, content, copy, export, prune, publish, replication, resources, rules, sync};

/// The format.
#[derive(Clone, Debug)]
pub struct RpmPlugin {
    /// So many entries of a package's changelog are kept, the newest.
    pub changelog_limit: usize,
    /// Of two advisories that contradict each other the newer is taken; else a version with both is refused.
    pub resolves_advisories: bool,
    /// The address of the server that has the channels of remotes that name none.
    pub uln_server: String,
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
        let mut types = content::metadata_types();
        types.push(Arc::new(PackageContent { changelog_limit: self.changelog_limit }));
        types
    }

    fn remote_access(&self, remote: &AccessRequest<'_>) -> Result<RemoteAccess> {
        let detail = |name: &str| remote.details.get(name).and_then(Json::as_str);
        if remote.pulp_type != resources::uln::PULP_TYPE {
            let query = detail("sles_auth_token").map(str::to_owned);
            return Ok(RemoteAccess { query, ..RemoteAccess::default() });
        }
        let channel = Channel::parse(remote.url).map_err(|problem| Error::field("url", problem))?;
        let server = detail(resources::uln::SERVER).unwrap_or(&self.uln_server);
        Ok(resources::uln::access(server, &channel, remote.username, remote.password))
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

    fn finish_version(&self, draft: &mut DraftUnits<'_>) -> Result<()> {
        rules::check(draft, if self.resolves_advisories { Policy::TakeNewer } else { Policy::Strict })
    }

    fn replication(&self) -> Option<Replication> {
        Some(replication::replication())
    }

    fn scanner(&self) -> Option<Arc<dyn Scanner>> {
        Some(Arc::new(PackageScanner))
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

    fn exchange(&self) -> Option<Exchange> {
        Some(export::exchange())
    }

    fn autopublication(&self, repository: &Json) -> Option<Json> {
        publish::autopublication(repository)
    }
}
