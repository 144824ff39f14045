//! Where everything is kept.

use crate::db::Db;
use crate::id::Id;
use crate::signing::Signing;
use crate::storage::{DigestSet, Storage};

/// The parts of the process that verbs on content work with. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    pub db: Db,
    pub storage: Storage,
    pub domain: Id,
    /// The digests that artifacts get.
    pub digests: DigestSet,
    pub signing: Signing,
}
