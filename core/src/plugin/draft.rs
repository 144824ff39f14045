//! A version about to be made, as its format may look at it and mend it. What it sees and changes is part of the
//! transaction that makes the version.

use serde_json::Value as Json;

use super::units::UnitRow;
use super::{ContentType, Task};
use crate::db::versions::{self as rows, Draft};
use crate::db::{Conn, Value, repositories};
use crate::error::{Error, Result};
use crate::id::Id;

/// Conditions on the columns of a content type's table: one of the values for each.
pub type Equal<'a> = &'a [(&'static str, Vec<String>)];

/// The units of a draft, and those of them that its base has not.
pub struct DraftUnits<'a> {
    conn: &'a mut Conn,
    draft: &'a Draft,
    content_types: Vec<std::sync::Arc<dyn ContentType>>,
    /// The details of the repository.
    pub details: Json,
    rejected: Vec<Rejected>,
}

/// Units that were left out of a version although they were asked for; shown with the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub message: &'static str,
    /// `python.reject.blocklist`
    pub code: &'static str,
    pub units: Vec<String>,
}

impl Rejected {
    pub(crate) fn report(&self, task: &dyn Task) {
        let count = i64::try_from(self.units.len()).unwrap_or(i64::MAX);
        let progress = task.progress(self.message, self.code, Some(count));
        progress.add(count);
        progress.set_suffix(&self.suffix());
        progress.finish();
    }

    /// The units as a progress report shows them; of very many the first.
    pub(crate) fn suffix(&self) -> String {
        const SHOWN: usize = 200;
        let mut text = self.units.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if self.units.len() > SHOWN {
            text.push_str(", …");
        }
        text
    }
}

impl<'a> DraftUnits<'a> {
    pub(crate) fn new(
        conn: &'a mut Conn,
        draft: &'a Draft,
        content_types: Vec<std::sync::Arc<dyn ContentType>>,
    ) -> Result<Self> {
        let details = repositories::settings(conn, draft.repository)?.details;
        Ok(Self { conn, draft, content_types, details, rejected: vec![] })
    }

    fn table(&self, content_type: &str) -> Result<&'static str> {
        let found = self.content_types.iter().find(|one| one.pulp_type() == content_type);
        found.map(|one| one.table().name).ok_or_else(|| Error::internal(format!("no content type `{content_type}`")))
    }

    /// The units of the draft that its base has not. At the cost of what is new, however large the repository.
    pub fn added(
        &mut self,
        content_type: &str,
        columns: &'static [&'static str],
        equal: Equal<'_>,
    ) -> Result<Vec<UnitRow>> {
        let table = self.table(content_type)?;
        rows::fresh_units(self.conn, self.draft, table, columns, &lists(equal))?.into_iter().map(UnitRow::new).collect()
    }

    /// All units of the draft that meet the conditions, of which the first starts at an index.
    pub fn present(
        &mut self,
        content_type: &str,
        columns: &'static [&'static str],
        equal: Equal<'_>,
    ) -> Result<Vec<UnitRow>> {
        let table = self.table(content_type)?;
        let found = rows::present_units(self.conn, self.draft, table, columns, &lists(equal))?;
        found.into_iter().map(UnitRow::new).collect()
    }

    /// The units of a type that the draft takes out.
    pub fn removed(&mut self, content_type: &str, columns: &'static [&'static str]) -> Result<Vec<UnitRow>> {
        let table = self.table(content_type)?;
        rows::removed_units(self.conn, self.draft, table, columns)?.into_iter().map(UnitRow::new).collect()
    }

    /// The new units of a type whose unique key another unit of the draft has too, with that key.
    pub fn rivals(&mut self, content_type: &str) -> Result<Vec<(Id, String)>> {
        rows::rivals(self.conn, self.draft, content_type)
    }

    /// Takes units out.
    pub fn remove(&mut self, units: &[Id]) -> Result<()> {
        if units.is_empty() { Ok(()) } else { rows::remove(self.conn, self.draft, units) }
    }

    /// Says that units were left out.
    pub fn reject(&mut self, rejected: Rejected) {
        self.rejected.push(rejected);
    }

    /// The repository's objects of this model, as their fields.
    pub fn parts(&mut self, model: &str) -> Result<Vec<Json>> {
        Ok(crate::db::parts::of_repository(self.conn, self.draft.repository, model)?
            .into_iter()
            .map(|part| part.fields)
            .collect())
    }

    pub(crate) fn into_rejected(self) -> Vec<Rejected> {
        self.rejected
    }
}

fn lists(equal: Equal<'_>) -> Vec<(&'static str, Value)> {
    equal.iter().map(|(column, values)| (*column, Value::Texts(values.clone()))).collect()
}
