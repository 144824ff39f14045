//! The promise to formats. A plugin knows one format: how to read an upstream, what a unit of content is,
//! what a publication holds. It never sees a request, an SQL pool or a key of the object store.

mod content;

use async_trait::async_trait;

pub use content::{ContentType, DetailTable, Inspection, Unit, UnitFile, UpstreamFile};

use crate::db::Migrations;
use crate::resource::Resource;

/// One format.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// The component's name as clients ask for it: `file`.
    fn name(&self) -> &'static str;

    /// The version of the reference's plugin whose interface this one speaks; clients compare it.
    fn version(&self) -> &'static str;

    /// The reference's package and module, shown by the status page: (`pulpcore`, `pulp_file.app`).
    fn package(&self) -> (&'static str, &'static str);

    fn migrations(&self) -> Migrations;

    /// Repositories, remotes, publications and distributions of the format.
    fn resources(&self) -> Vec<Resource>;

    fn content_types(&self) -> Vec<std::sync::Arc<dyn ContentType>>;

    /// Where an upstream keeps the file that a client asks for at `path` of a distribution with a remote;
    /// none when the format does not pull through.
    fn upstream_file(&self, _remote_url: &str, _path: &str) -> Option<UpstreamFile> {
        None
    }

    /// The unit that a file pulled through at `path` becomes; none when it is not kept.
    fn pulled_unit(&self, _path: &str, _file: &Inspection) -> Option<(&'static str, Unit)> {
        None
    }
}
