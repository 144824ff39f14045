//! Keyrings of OpenPGP keys. A file with a public key becomes units: the key, and each of its subkeys, user ids, user
//! attributes and signatures by itself, so that a key which comes again with more of them grows. A distribution serves a
//! repository's newest version as one armoured file per key.
//!
//! - `content.rs`: what the units are and how a file becomes them;
//! - `keyring.rs`: the keys of a version, put together again;
//! - `resources.rs`: the REST collections, and `shown.rs`: what they show of parts and signatures.
//!
//! Nothing here judges keys or signatures; whoever relies on them does. A secret key is refused.

mod content;
mod keyring;
mod resources;
mod shown;

use std::sync::Arc;

use async_trait::async_trait;
use pith_core::error::Result;
use pith_core::plugin::{ContentType, MadeFile, Migrations, Plugin, VersionUnits};
use pith_core::resource::Resource;

/// The types of units.
const PUBLIC_KEY: &str = "core.openpgp_publickey";
const SUBKEY: &str = "core.openpgp_publicsubkey";
const USER_ID: &str = "core.openpgp_userid";
const USER_ATTRIBUTE: &str = "core.openpgp_userattribute";
const SIGNATURE: &str = "core.openpgp_signature";

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenpgpPlugin;

#[async_trait]
impl Plugin for OpenpgpPlugin {
    fn name(&self) -> &'static str {
        "core"
    }

    fn version(&self) -> &'static str {
        "3.123.1"
    }

    fn package(&self) -> (&'static str, &'static str) {
        ("pulpcore", "pulpcore.app")
    }

    fn migrations(&self) -> Migrations {
        Migrations {
            component: "openpgp",
            steps: &[("0001_initial", include_str!("../../../migrations/openpgp/0001_initial.sql"))],
        }
    }

    fn resources(&self) -> Vec<Resource> {
        resources::all()
    }

    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        content::types()
    }

    fn makes_files(&self) -> bool {
        true
    }

    async fn made_file(&self, units: &VersionUnits, name: &str) -> Result<Option<MadeFile>> {
        keyring::file(units, name).await
    }

    async fn made_names(&self, units: &VersionUnits) -> Result<Vec<String>> {
        keyring::names(units).await
    }
}
