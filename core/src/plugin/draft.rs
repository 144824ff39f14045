//! A version about to be made, as its format may look at it and mend it. What it sees and changes is part of the
//! transaction that makes the version.

use serde_json::Value as Json;

use super::units::UnitRow;
use super::{ContentType, Task, Unit};
use crate::db::versions::{self as rows, Draft};
use crate::db::{Conn, Value, repositories};
use crate::error::{Error, Result};
use crate::id::Id;

/// Conditions on the columns of a content type's table: one of the values for each.
pub type Equal<'a> = &'a [(&'static str, Vec<String>)];

/// Finds units or makes them, and gives their ids in the order of the units.
pub(crate) type StoreUnits = fn(&mut Conn, Id, &dyn ContentType, &[Unit]) -> Result<Vec<Id>>;

/// The units of a draft, and those of them that its base has not.
pub struct DraftUnits<'a> {
    conn: &'a mut Conn,
    draft: &'a Draft,
    content_types: Vec<std::sync::Arc<dyn ContentType>>,
    store: StoreUnits,
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
        store: StoreUnits,
    ) -> Result<Self> {
        let details = repositories::settings(conn, draft.repository)?.details;
        Ok(Self { conn, draft, content_types, store, details, rejected: vec![] })
    }

    fn content_type(&self, name: &str) -> Result<&std::sync::Arc<dyn ContentType>> {
        let found = self.content_types.iter().find(|one| one.pulp_type() == name);
        found.ok_or_else(|| Error::internal(format!("no content type `{name}`")))
    }

    fn table(&self, content_type: &str) -> Result<&'static str> {
        Ok(self.content_type(content_type)?.table().name)
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

    /// The values of these text columns that more than `most` units of the draft share, of the units that meet the
    /// conditions. The first condition starts at an index; without any it costs the size of the repository.
    pub fn crowded(
        &mut self,
        content_type: &str,
        columns: &'static [&'static str],
        equal: Equal<'_>,
        most: usize,
    ) -> Result<Vec<Vec<String>>> {
        let (table, most) = (self.table(content_type)?, i64::try_from(most).unwrap_or(i64::MAX));
        let found = rows::crowded(self.conn, self.draft, table, columns, &lists(equal), most)?;
        found.iter().map(|row| (0..columns.len()).map(|at| row.get(at)).collect()).collect()
    }

    /// Whether the repository's settings may have changed since its newest version was made: then what held of its
    /// units may hold no more.
    pub fn settings_changed(&mut self) -> Result<bool> {
        rows::changed_since(self.conn, self.draft.repository)
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

    /// Puts a unit in, which is made unless it exists.
    pub fn add(&mut self, content_type: &str, unit: &Unit) -> Result<Id> {
        let content_type = self.content_type(content_type)?.clone();
        let domain = repositories::domain(self.conn, self.draft.repository)?;
        let ids = (self.store)(self.conn, domain, content_type.as_ref(), std::slice::from_ref(unit))?;
        rows::add(self.conn, self.draft, &ids)?;
        ids.first().copied().ok_or_else(|| Error::internal("a unit was not stored"))
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
