//! The promise to formats. A plugin knows one format: how to read an upstream, what a unit of content is,
//! what a publication holds. It never sees a request, an SQL pool or a key of the object store.

mod access;
mod content;
mod draft;
mod exchange;
mod face;
mod failures;
mod guard;
mod operation;
mod page;
mod publish;
mod remembered;
mod replication;
mod repository;
pub mod scan;
mod sync;
mod task;
mod units;
mod upstream;
mod upstream_page;
mod version_files;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value as Json};

pub use access::{AccessRequest, Denied, HeaderName, Login, RemoteAccess};
pub use content::{
    ContentType, DetailTable, Inspected, Inspection, Pullable, PulledUnit, Unit, UnitFile, UpstreamFile,
};
pub use draft::{DraftUnits, Equal, Rejected};
pub use exchange::{
    DetailKind, Exchange, ExchangedContent, ExportedUnit, Facts, ImportedUnit, PartDump, RepositoryDump, flag,
    json_text, number, text,
};
pub use face::{
    Change, Face, FaceAnswer, FaceDistribution, FaceDoc, FaceHost, FaceMethod, FaceOperation, FaceRequest, Form,
    FormFile, Links, Slash, Upload, Uploaded,
};
pub use failures::Failed;
pub(crate) use failures::Failures;
pub use guard::{Asked, Gate, GuardType, Refused};
pub use operation::{
    FormatOperation, Operand, Operands, OperationAnswer, OperationJob, OperationRepository, OperationTask, Prepare,
    RepositoryChange,
};
pub(crate) use page::Finished;
pub use page::{Page, PageWriter, Render, Rendered, render};
pub use publish::{Placement, Previous, PublicationWriter, VersionFile, VersionReader};
pub use remembered::Remembered;
pub use replication::Replication;
pub use repository::RepositoryJob;
pub use scan::{Advisory, Packages, Release, Scanner};
pub use sync::{Below, Declare, FetchedFile, SyncJob, SyncOptions, SyncRemote, SyncRepository, Wanted};
pub(crate) use sync::{BelowSync, ByGroups, Decisions, Declared, LAST_SYNC, MOST_RECENT_VERSION, SyncParts};
pub use task::{Progress, Task};
pub use units::{FileOfUnit, Group, GroupBy, GroupReader, UnitRow, Version, VersionUnits, units_of_domain};
pub(crate) use upstream::UpstreamPages;
pub use upstream::UpstreamReader;
pub use upstream_page::{FoundPage, MetadataFile, UpstreamPage};
pub(crate) use version_files::Files;

pub use crate::auth::policy::{Owned, Verb};
pub use crate::db::{FromValue, Migrations, Value};
pub use crate::download::{PageHead, PageRequest, Posted, join_reference, redacted, resolve as resolve_url};
use crate::error::{Error, Result};
pub use crate::openpgp::{
    Bound, Certificate, CertificatePacket, KeyPacket, OpenPgpError, PublicKey, SecretKey, SignaturePacket,
    armored_certificate,
};
use crate::resource::Resource;
pub use crate::signing::{FileSigner, Signature, SignedBy, SignedHead};
pub use crate::storage::{Algorithm, ByteStream, Digests, Staged, StagingWriter};
pub use crate::zip::{Zip, ZipEntry, ZipError, ZipPrefix};

/// A distribution that serves a publication, for files that are made of what both say.
#[derive(Clone, Debug)]
pub struct ServedDistribution {
    pub name: String,
    /// The address of its root at the content face, with a slash at its end.
    pub base_url: String,
    pub details: Json,
    /// The details of the publication.
    pub publication: Json,
}

/// A file that a format makes of the units of a version when it is asked for. It is small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeFile {
    pub media_type: &'static str,
    pub bytes: Bytes,
}

/// One format.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// The component's name as clients ask for it: `file`. A format that the reference has in its core is `core`, to
    /// which then all typed names that begin so belong.
    fn name(&self) -> &'static str;

    /// The version of the reference's plugin whose interface this one speaks; clients compare it.
    fn version(&self) -> &'static str;

    /// The reference's package and module, shown by the status page: (`pulpcore`, `pulp_file.app`).
    fn package(&self) -> (&'static str, &'static str);

    fn migrations(&self) -> Migrations;

    /// Repositories, remotes, publications and distributions of the format.
    fn resources(&self) -> Vec<Resource>;

    fn content_types(&self) -> Vec<Arc<dyn ContentType>>;

    /// Whether distributions of the format serve publications; if not they serve versions, unless one is set to a
    /// publication.
    fn serves_publications(&self) -> bool {
        true
    }

    /// Where the upstream keeps the file that a client asks for at `path` of a distribution with a remote; none
    /// when it has no such file, when the remote's settings or the distribution's repository exclude it, and when the
    /// format does not pull through.
    ///
    /// # Errors
    /// `Upstream` when the upstream does not answer as it should.
    async fn upstream_file(&self, _upstream: &UpstreamReader, _path: &str) -> Result<Option<Pullable>> {
        Ok(None)
    }

    /// Whether a distribution's repository ([`UpstreamReader::parts`]) would not take the file at `path`. Then it is not
    /// served either, although others have it from the same remote.
    async fn withholds(&self, _upstream: &UpstreamReader, _path: &str) -> Result<bool> {
        Ok(false)
    }

    /// The unit that a file pulled through at `path` becomes, `told` being what [`Plugin::upstream_file`] found
    /// out about it; none when only the file is kept.
    ///
    /// # Errors
    /// When the file cannot be a unit; then it is not kept and the client gets none.
    async fn pulled_unit(&self, _path: &str, _file: &Inspection, _told: &Json) -> Result<Option<PulledUnit>> {
        Ok(None)
    }

    /// The names of files at the root of distributions that the format makes when they are asked for.
    fn generated_files(&self) -> &'static [&'static str] {
        &[]
    }

    /// The text of such a file; none where this distribution has none.
    fn generated_file(&self, _name: &str, _distribution: &ServedDistribution) -> Option<String> {
        None
    }

    /// Whether distributions of the format have no files but those that it makes of the units they serve, when they are
    /// asked for: [`Plugin::made_file`].
    fn makes_files(&self) -> bool {
        false
    }

    /// The file of this name that the units of a version make; none where they make no such.
    async fn made_file(&self, _units: &VersionUnits, _name: &str) -> Result<Option<MadeFile>> {
        Ok(None)
    }

    /// The names of all such files, in the order of a listing.
    async fn made_names(&self, _units: &VersionUnits) -> Result<Vec<String>> {
        Ok(vec![])
    }

    /// Which column of its table says which group a unit belongs to, by type of content; for a format whose
    /// synchronizations look at some groups only ([`SyncJob::remembered`]). The columns are text, never null,
    /// and have an index.
    fn groups(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The paths that clients of the format speak to natively, where it has such.
    fn face(&self) -> Option<Arc<dyn Face>> {
        None
    }

    /// The types of content guards that it brings, whose collections are among its resources.
    fn guards(&self) -> Vec<Arc<dyn GuardType>> {
        vec![]
    }

    /// What it takes to read from the server of a remote, beside its address and what all remotes say.
    ///
    /// # Errors
    /// `Invalid` naming the field of the remote that cannot work.
    fn remote_access(&self, _remote: &AccessRequest<'_>) -> Result<RemoteAccess> {
        Ok(RemoteAccess::default())
    }

    /// What a client asks of a synchronization into a repository with these details. Called when the client asks and
    /// again when the task begins.
    ///
    /// # Errors
    /// `Invalid` when that cannot be; unless a format knows better, mirroring into a repository that publishes by
    /// itself.
    fn sync_options(&self, given: &Map<String, Json>, repository: &Json) -> Result<SyncOptions> {
        let options = SyncOptions::of(given);
        let is_automatic = repository.get("autopublish").and_then(Json::as_bool).unwrap_or(false);
        match options.mirror && is_automatic {
            true => Err(Error::non_field("Cannot use mirror mode with autopublished repository.")),
            false => Ok(options),
        }
    }

    /// Reads the upstream's metadata and declares the wanted units.
    ///
    /// # Errors
    /// `Upstream` when what upstream says cannot be used; then nothing of the repository changes.
    async fn sync(&self, _job: &SyncJob) -> Result<()> {
        Err(Error::Conflict(format!("`{}` cannot be synchronized", self.name())))
    }

    /// Looks at a version before it is made: takes units out that may not be in it, or refuses it.
    ///
    /// # Errors
    /// `Invalid` or `Conflict` with a text for the client; then there is no version.
    fn finish_version(&self, _draft: &mut DraftUnits<'_>) -> Result<()> {
        Ok(())
    }

    /// Does what an action of the format's own asks for ([`crate::resource::ActionRun::Work`]). The result is shown
    /// with the task.
    async fn work(&self, work: &str, _job: &RepositoryJob) -> Result<Json> {
        Err(repository::unknown(work))
    }

    /// Operations of the format's own that concern several repositories, or none.
    fn operations(&self) -> Vec<FormatOperation> {
        vec![]
    }

    /// Does the work of such an operation ([`OperationTask::work`]). The result is shown with the task.
    async fn operate(&self, work: &str, _job: &dyn OperationJob) -> Result<Json> {
        Err(repository::unknown(work))
    }

    /// How versions of the format's repositories are scanned for known vulnerabilities, where they can be.
    fn scanner(&self) -> Option<Arc<dyn Scanner>> {
        None
    }

    /// How repositories of the format are moved between installations, where they can be.
    fn exchange(&self) -> Option<Exchange> {
        None
    }

    /// How what another server distributes in this format is replicated, where it can be.
    fn replication(&self) -> Option<Replication> {
        None
    }

    /// How files of the format carry signatures, where they do.
    fn file_signer(&self) -> Option<Arc<dyn FileSigner>> {
        None
    }

    /// Fills a publication of a version.
    async fn publish(&self, _version: &mut VersionReader, _publication: &mut PublicationWriter) -> Result<()> {
        Err(Error::Conflict(format!("`{}` has no publications", self.name())))
    }

    /// The details of the publication that a new version of a repository with these details gets by
    /// itself; none when it gets none.
    fn autopublication(&self, _repository: &Json) -> Option<Json> {
        None
    }
}
