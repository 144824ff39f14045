//! What one process holds: configuration, database, store, formats. Handed to every verb.

use std::sync::Arc;

use crate::auth::{CredentialCache, Secrets};
use crate::config::Config;
use crate::db::Db;
use crate::id::Id;
use crate::resource::Registry;
use crate::serve::Delivery;
use crate::storage::Storage;
use crate::tasks::Queue;

/// The process's parts; shared by its roles.
pub struct App {
    pub config: Config,
    pub db: Db,
    pub storage: Storage,
    pub secrets: Secrets,
    pub credentials: CredentialCache,
    /// Formats, their resources and the routes to them.
    pub registry: Registry,
    /// The one domain, `default`.
    pub domain: Id,
    pub queue: Queue,
    pub delivery: Delivery,
}

pub type Shared = Arc<App>;
