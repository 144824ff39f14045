//! How a format takes part in exports and imports: what is written of its units and repositories, in the words of
//! [`crate::exchange`], and how that becomes units again.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Unit, UnitFile, UnitRow};
use crate::error::Result;
pub use crate::exchange::{Facts, flag, json_text, number, text};

/// A format's part in exports.
pub struct Exchange {
    pub repository: RepositoryDump,
    /// Its types of content, each with a dump.
    pub units: Vec<Arc<dyn ExchangedContent>>,
    /// Dumps that readers of the reference expect even where there is nothing to tell.
    pub expected: &'static [&'static str],
    /// Exports say which units are of the repository itself ([`crate::exchange::MAPPING`]).
    pub maps_content: bool,
}

/// What an export says of a repository beyond what all have.
#[derive(Clone, Copy, Debug)]
pub struct RepositoryDump {
    /// The name of the dump: `pulp_note.app.modelresource.NoteRepositoryResource`.
    pub name: &'static str,
    /// Columns beside those of all repositories, with their kinds; those that are kept have their names in the
    /// details of a repository.
    pub details: &'static [(&'static str, DetailKind)],
}

/// How a setting of a repository is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailKind {
    Text,
    Flag,
    Number,
    Json,
    /// Means nothing elsewhere: told as nothing, and not read.
    Own,
}

impl DetailKind {
    fn told(self, value: &Json) -> Json {
        match self {
            Self::Text => text(value.as_str()),
            Self::Flag => flag(value.as_bool().unwrap_or(false)),
            Self::Number => number(value.as_i64()),
            Self::Json => json_text(value),
            Self::Own => text(None),
        }
    }
}

/// A dump of what belongs to units, several rows a unit.
#[derive(Clone, Copy)]
pub struct PartDump {
    pub name: &'static str,
    /// What a row says of the unit that it belongs to.
    pub owner: fn(&Facts) -> String,
    /// The same as the unit's own row says it.
    pub key: fn(&Facts) -> String,
}

/// What an export says of a unit.
#[derive(Clone, Debug, Default)]
pub struct ExportedUnit {
    pub facts: Facts,
    /// Rows of parts, with the position of the dump in [`ExchangedContent::parts`].
    pub parts: Vec<(usize, Facts)>,
}

/// A unit as an import finds it.
#[derive(Clone, Debug)]
pub struct ImportedUnit {
    pub facts: Facts,
    pub files: Vec<UnitFile>,
    /// The rows of each of [`ExchangedContent::parts`], in the order of the dump.
    pub parts: Vec<Vec<Facts>>,
}

/// One type of content in exports.
pub trait ExchangedContent: Send + Sync {
    fn pulp_type(&self) -> &'static str;

    /// The name of its dump: `pulp_note.app.modelresource.NoteResource`.
    fn dump(&self) -> &'static str;

    /// The columns that [`ExchangedContent::export`] reads, by position.
    fn columns(&self) -> &'static [&'static str];

    fn parts(&self) -> &'static [PartDump] {
        &[]
    }

    /// What is written of a unit, beside what all units have (type, id, domain).
    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit>;

    /// The unit that a row tells of. Never touches the database; may take its time.
    ///
    /// # Errors
    /// A text for the client, when that can be no unit.
    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String>;
}

impl RepositoryDump {
    /// What the settings of a repository are told as.
    pub(crate) fn facts(&self, details: &Json) -> Vec<(&'static str, Json)> {
        let one =
            |(name, kind): &(&'static str, DetailKind)| (*name, kind.told(details.get(name).unwrap_or(&Json::Null)));
        self.details.iter().map(one).collect()
    }

    /// The settings of a repository that is made of a row.
    pub(crate) fn details(&self, facts: &Facts) -> Result<serde_json::Map<String, Json>, String> {
        let mut details = serde_json::Map::new();
        for (name, kind) in self.details {
            let value = match kind {
                DetailKind::Text => facts.optional(name).map_or(Json::Null, Json::String),
                DetailKind::Flag => Json::Bool(facts.flag(name)),
                DetailKind::Number => facts.number(name)?.map_or(Json::Null, Json::from),
                DetailKind::Json => facts.json(name)?,
                DetailKind::Own => continue,
            };
            if !value.is_null() {
                details.insert((*name).to_owned(), value);
            }
        }
        Ok(details)
    }
}
