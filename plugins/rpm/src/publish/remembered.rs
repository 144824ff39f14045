//! What a publication leaves for the next one: which run of packages is where in its three documents.

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Previous, PublicationWriter};
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::compression::runs;

/// Under which it is remembered.
const KEY: &str = "packages";

/// The runs of a publication, in the order of its documents.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// How it was made: a publication that is made otherwise can take nothing over.
    made: String,
    /// Path and first byte of the first run, of each document.
    pub documents: [(String, u64); 3],
    pub runs: Vec<Run>,
}

/// Packages that were packed together: those after the last of the run before, up to its own last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub last: Id,
    pub packages: u64,
    /// What it says of a package may have to be said otherwise although no package came or went.
    pub is_provisional: bool,
    /// In each document.
    pub parts: [Part; 3],
}

/// A run in a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub size: u64,
    pub open_size: u64,
    /// CRC-32 of the packed bytes: what was damaged in the store is not taken over.
    pub crc: u32,
}

impl Remembered {
    /// The beginning of one.
    pub fn new(settings: &Settings) -> Self {
        Self { made: made(settings), documents: Default::default(), runs: vec![] }
    }

    /// What the last publication left, if it was made in the same way.
    pub async fn read(publication: &PublicationWriter, settings: &Settings) -> Result<Option<(Self, Previous)>> {
        let Some(previous) = publication.previous(KEY).await? else { return Ok(None) };
        let Ok(remembered) = serde_json::from_str::<Self>(&previous.value) else { return Ok(None) };
        Ok((remembered.made == made(settings)).then_some((remembered, previous)))
    }

    /// Leaves it for the next publication.
    pub fn write(&self, publication: &mut PublicationWriter) -> Result<()> {
        publication.remember(KEY, serde_json::to_string(self).map_err(Error::internal)?);
        Ok(())
    }
}

fn made(settings: &Settings) -> String {
    let Settings { checksum, compression, layout } = settings;
    format!("{}{}/{}/{checksum}", runs::VERSION, compression.extension(), layout.name())
}
